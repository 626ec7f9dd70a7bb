package main

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// A kind is a way to save a file. It returns when the content was about to be whole.
type kind struct {
	name string
	save func(path, text string) (whole int64, err error)
}

// pause is between the two chunks of a save.
const pause = 3 * time.Millisecond

func kinds() []kind {
	open := func(path string, flags int) (*os.File, error) { return os.OpenFile(path, os.O_WRONLY|flags, 0o600) }
	// chunks are written to one descriptor, or to two.
	chunks := func(path, text string, twice bool) (int64, error) {
		f, err := open(path, os.O_TRUNC)
		if err != nil {
			return 0, err
		}
		_, _ = f.WriteString(text[:len(text)/2])
		if twice {
			_ = f.Close()
		}
		time.Sleep(pause)
		if twice {
			if f, err = open(path, os.O_APPEND); err != nil {
				return 0, err
			}
		}
		whole := monoNS()
		_, _ = f.WriteString(text[len(text)/2:])
		return whole, f.Close()
	}
	one := func(path, text string, flags int) (int64, error) {
		f, err := open(path, flags)
		if err != nil {
			return 0, err
		}
		whole := monoNS()
		_, _ = f.WriteString(text)
		return whole, f.Close()
	}
	return []kind{
		{"in place", func(path, text string) (int64, error) { return one(path, text, 0) }},
		{"truncated", func(path, text string) (int64, error) { return one(path, text, os.O_TRUNC) }},
		{"renamed over", func(path, text string) (int64, error) {
			if err := os.WriteFile(path+"~", []byte(text), 0o600); err != nil {
				return 0, err
			}
			whole := monoNS()
			return whole, os.Rename(path+"~", path)
		}},
		{"two chunks", func(path, text string) (int64, error) { return chunks(path, text, false) }},
		{"opened twice", func(path, text string) (int64, error) { return chunks(path, text, true) }},
	}
}

// saves is the time from a save until the command that it starts is at its first
// instruction and sees all that was saved.
func saves(b *bench) []work {
	c := func(name, needs string, p func(file, log string) program) contender {
		return contender{name: name, needs: needs, measure: func() (sample, error) { return b.saveAll(p) }}
	}
	saw := func(file, log string) []string { return []string{b.built("saw"), log, file} }
	ev := func(flags ...string) func(file, log string) program {
		return func(file, log string) program {
			words := slices.Concat([]string{b.ev(), "stat", file, "--ready-fd", "3"}, flags, []string{"--"}, saw(file, log))
			return program{words: words, readyFD: true}
		}
	}
	shell := func(script string) func(file, log string) program {
		return func(file, log string) program {
			return program{
				words:   []string{"sh", "-c", script},
				env:     []string{"SAW=" + b.built("saw"), "LOG=" + log, "FILE=" + file, "DIR=" + filepath.Dir(file)},
				watches: 1,
			}
		}
	}
	return []work{{
		name: "saves", what: "from the save to the first instruction of a command that sees the whole; " +
			"wrong is a save with another number of runs than one, or none that sees it", unit: "ms",
		beside: "inotifywait -m loop", rounds: b.either(1, 3),
		contenders: []contender{
			c("ev", "saw", ev()),
			c("ev --settle 0", "saw", ev("--settle", "0")),
			c("inotifywait -m loop", "inotifywait", shell(
				`inotifywait -mqe close_write,moved_to --format %f "$DIR" | while read -r f; do [ "$f" = "${FILE##*/}" ] && "$SAW" "$LOG" "$FILE"; done`)),
			c("inotifywait loop", "inotifywait", shell(`while inotifywait -qqe modify,move_self "$FILE"; do "$SAW" "$LOG" "$FILE"; done`)),
			c("entr", "entr", func(file, log string) program {
				return program{words: append([]string{"entr", "-np"}, saw(file, log)...), stdin: file + "\n", watches: 1}
			}),
			c("settle of 50 ms, as watchexec", "saw", func(file, log string) program {
				self, _ := os.Executable()
				return program{words: append([]string{self, "driver", "settle", "50ms", filepath.Dir(file)}, saw(file, log)...), watches: 1}
			}),
			c("watchexec", "watchexec", func(file, log string) program {
				return program{words: append([]string{"watchexec", "--postpone", "-nw", file, "--"}, saw(file, log)...), watches: 1}
			}),
			c("fswatch loop", "fswatch", shell(`fswatch -ol 0.1 "$FILE" | while read -r n; do "$SAW" "$LOG" "$FILE"; done`)),
			c("nodemon", "nodemon", func(file, log string) program {
				return program{words: []string{"nodemon", "-q", "-w", file, "-x", strings.Join(saw(file, log), " ")}, watches: 1}
			}),
			c("watchman trigger", "watchman", func(file, log string) program {
				dir := filepath.Dir(file)
				own := dir + ".watchman"
				script := `watchman --foreground --sockname="$OWN/s" --statefile="$OWN/state" --pidfile="$OWN/pid" --logfile="$OWN/log" &
until watchman --sockname="$OWN/s" --no-spawn watch "$DIR" >/dev/null 2>&1; do sleep 0.05; done
watchman --sockname="$OWN/s" --no-spawn -- trigger "$DIR" saw "${FILE##*/}" -- "$SAW" "$LOG" "$FILE" >/dev/null
wait`
				p := shell(script)(file, log)
				p.env = append(p.env, "OWN="+own, "USER=bench")
				_ = os.Mkdir(own, 0o700)
				return p
			}),
		},
		goals: []goal{faultless("ev"), fastest("ev"), within("ev --settle 0", 0.5, "inotifywait -m loop")},
	}}
}

// A sight is what a command saw, and when.
type sight struct {
	at     int64
	number int // of the save, 0 if it was not whole
}

// saveAll starts a program that watches a file, and saves it in all ways.
func (b *bench) saveAll(start func(file, log string) program) (s sample, err error) {
	dir, err := os.MkdirTemp(b.scratch, "saves-")
	if err != nil {
		return s, err
	}
	defer os.RemoveAll(dir)
	file, log := filepath.Join(dir, "file"), dir+".log"
	if err := unix.Mkfifo(log, 0o600); err != nil {
		return s, err
	}
	pipe, err := os.OpenFile(log, os.O_RDWR, 0)
	if err != nil {
		return s, err
	}
	sights := make(chan sight, 1000)
	go func() {
		for lines := bufio.NewScanner(pipe); lines.Scan(); {
			var at sight
			if _, err := fmt.Sscan(lines.Text(), &at.at, &at.number); err == nil {
				sights <- at
			}
		}
	}()
	defer pipe.Close()
	if err := os.WriteFile(file, []byte(text(1)), 0o600); err != nil {
		return s, err
	}
	g, err := b.launch(start(file, log))
	if err != nil {
		return s, err
	}
	defer g.stop()
	seen(sights, 0, 500*time.Millisecond) // some run once at the start
	number := 1
	wrong := map[string]int{}
	for _, k := range kinds() {
		for range b.either(1, 3) {
			number++
			late := seen(sights, 0, 0)
			whole, err := k.save(file, text(number))
			if err != nil {
				return s, err
			}
			runs := seen(sights, number, 150*time.Millisecond)
			s.tried++
			i := slices.IndexFunc(runs, func(r sight) bool { return r.number == number })
			if i >= 0 {
				s.figures = append(s.figures, float64(runs[i].at-whole)/1e6)
			}
			if i < 0 || len(runs) != 1 || len(late) > 0 {
				s.wrong++
				wrong[k.name]++
			}
		}
	}
	var names []string
	for _, k := range kinds() {
		if wrong[k.name] > 0 {
			names = append(names, k.name)
		}
	}
	if len(names) > 0 {
		s.note = "wrong when " + strings.Join(names, ", ")
	}
	return s, nil
}

// text is what a save writes. All are of one length.
func text(number int) string {
	return strings.Repeat(fmt.Sprintf("%09d ", number), 200) + "."
}

// seen returns what is seen until a save has been, and then nothing for a while. It
// waits no longer than three seconds for the save.
func seen(sights chan sight, number int, quiet time.Duration) []sight {
	var all []sight
	wait := quiet
	if number > 0 {
		wait = 3 * time.Second
	}
	for {
		select {
		case at := <-sights:
			all = append(all, at)
			if len(all) == 20 {
				return all // its command causes its own events
			}
			if at.number == number {
				wait = quiet
			}
		case <-time.After(wait):
			return all
		}
	}
}

// settle stands for programs that run a command once nothing has changed in a
// directory for some time: settle SPAN DIR COMMAND...
func settle(args []string) error {
	span, err := time.ParseDuration(args[0])
	if err != nil {
		return err
	}
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	if err != nil {
		return err
	}
	if _, err := unix.InotifyAddWatch(fd, args[1], unix.IN_MODIFY|unix.IN_CLOSE_WRITE|unix.IN_MOVED_TO|unix.IN_CREATE); err != nil {
		return err
	}
	changes := make(chan bool)
	go func() {
		queue := os.NewFile(uintptr(fd), "inotify")
		for buf := make([]byte, 64<<10); ; {
			if _, err := queue.Read(buf); err != nil {
				return
			}
			changes <- true
		}
	}()
	for {
		<-changes
		for quiet := false; !quiet; {
			select {
			case <-changes:
			case <-time.After(span):
				quiet = true
			}
		}
		if err := exec.Command(args[2], args[3:]...).Run(); err != nil {
			return err
		}
	}
}
