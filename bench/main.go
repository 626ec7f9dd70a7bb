// Bench measures ev and its loop beside others that do the same work, in turn. See
// README.md.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
)

const help = `usage: bench/run [--quick] [--repeat N] [--against REV] [--json] [--list] [WORK...]

Measures ev and its loop beside others that do the same work. A WORK is the name
of one, or how names begin: bench/run pipes 'timers 100000'. Without any, all are done.

  --quick        fewer and smaller samples: two minutes
  --repeat N     do all N times, and show each run's medians: their median, and how far they
                 lie apart. A goal is reached when it is in the middle one of the runs
  --against REV  build ev of that revision, too, and have it take turns with this one
  --json         one object a work and line
  --list         the names of the works
`

func main() {
	if len(os.Args) > 1 && os.Args[1] == "driver" {
		exit(drive(os.Args[2:]))
	}
	exit(run(os.Args[1:]))
}

func exit(err error) {
	switch {
	case errors.Is(err, flag.ErrHelp):
		fmt.Print(help)
	case err != nil:
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

func run(args []string) (err error) {
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	quick := flags.Bool("quick", false, "")
	repeat := flags.Int("repeat", 1, "")
	rev := flags.String("against", "", "")
	asJSON := flags.Bool("json", false, "")
	list := flags.Bool("list", false, "")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *repeat < 1 {
		return fmt.Errorf("--repeat %d: do it at least once", *repeat)
	}
	b := &bench{quick: *quick}
	if !*list {
		if err := b.setUp(); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, b.close()) }()
		interrupted := make(chan os.Signal, 1)
		signal.Notify(interrupted, os.Interrupt, syscall.SIGTERM)
		go func() {
			<-interrupted
			exit(errors.Join(errors.New("interrupted"), b.close()))
		}()
	}
	works, err := chosen(b.works(), flags.Args())
	if err != nil {
		return err
	}
	if *rev != "" && !*list {
		if err := b.buildOther(*rev); err != nil {
			return err
		}
		works = b.against(works)
	}
	if *list {
		for _, w := range works {
			fmt.Println(w.name)
		}
		return nil
	}
	show := showTable
	if *asJSON {
		show = showJSON
	} else {
		fmt.Println(b.machine())
	}
	runs := make([][][]score, len(works))
	for run := range *repeat {
		for i, w := range works {
			runs[i] = append(runs[i], b.do(w))
			if run < *repeat-1 {
				continue
			}
			if err := show(os.Stdout, combine(w, runs[i])); err != nil {
				return err
			}
		}
	}
	return nil
}

// chosen returns the works whose names begin with one of the words, or all.
func chosen(works []work, words []string) ([]work, error) {
	if len(words) == 0 {
		return works, nil
	}
	var some []work
	for _, word := range words {
		before := len(some)
		for _, w := range works {
			if strings.HasPrefix(w.name, word) {
				some = append(some, w)
			}
		}
		if len(some) == before {
			return nil, fmt.Errorf("there is no work %q: --list names all", word)
		}
	}
	return some, nil
}

// works returns all, in the order of the README.
func (b *bench) works() []work {
	var all []work
	for _, group := range []func(*bench) []work{
		pipes, timers, memory, lateness, saves, writes, trees, commands, lines, web, start, idle, evfile,
	} {
		all = append(all, group(b)...)
	}
	return all
}
