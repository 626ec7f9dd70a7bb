package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"time"
)

// writes is the CPU time of a watcher that prints what happens to 100 files which are
// written to very often; then 100 others are removed, and 100 created.
func writes(b *bench) []work {
	count := b.either(10_000, 50_000)
	c := func(name, needs string, words [3]string, p func(dir string) program) contender {
		return contender{name: name, needs: needs, measure: func() (sample, error) { return b.writeAll(count, words, p) }}
	}
	inotifywait := func(after string) func(dir string) program {
		return func(dir string) program {
			script := `inotifywait -mre modify,create,delete --format '%w%f %e' "$1"` + after
			return program{words: []string{"sh", "-c", script, "sh", dir}, says: "Watches established"}
		}
	}
	inotify := [3]string{"MODIFY", "DELETE", "CREATE"}
	return []work{b.creates(), {
		name: fmt.Sprintf("writes %d", count),
		what: "CPU time to print them; wrong is a file of which it was not told that it was written, removed or created",
		unit: "ms", beside: "inotifywait", rounds: b.either(1, 3),
		contenders: []contender{
			c("ev", "", [3]string{"content", "removed", "created"}, func(dir string) program {
				return program{
					words: []string{
						b.ev(), "stat", "-r", "--hidden", "--no-ignore", "--each", "--format", "{path} {change}\n",
						"--ready-fd", "3", dir,
					},
					readyFD: true,
				}
			}),
			c("inotifywait", "inotifywait", inotify, inotifywait("")),
			c("inotifywait, sh loop", "inotifywait", inotify, inotifywait(` | while read -r line; do echo "$line"; done`)),
			c("fswatch", "fswatch", [3]string{"Updated", "Removed", "Created"}, func(dir string) program {
				return program{words: []string{"fswatch", "-rxl", "0.1", dir}, watches: 1}
			}),
		},
		goals: []goal{faultless("ev"), below("ev", "inotifywait"), below("ev", "inotifywait, sh loop")},
	}}
}

// creates is the CPU time of a watcher of a directory in which very many files are created, one right
// after the other. They stay there: ext4 takes long to create what is to take a deleted file's inode.
func (b *bench) creates() work {
	count := b.either(2000, 20_000)
	c := func(name, needs string, p program) contender {
		return contender{name: name, needs: needs, measure: func() (sample, error) { return b.createAll(count, p) }}
	}
	stat := func(more ...string) program {
		return program{words: slices.Concat([]string{b.ev(), "stat", "-r", "--ready-fd", "3"}, more), readyFD: true}
	}
	return work{
		name: fmt.Sprintf("creates %d", count),
		what: "CPU time to tell of them; wrong is one of which it was not told", unit: "ms", beside: "inotifywait", rounds: b.either(2, 5),
		contenders: []contender{
			c("ev", "", stat("--json")),
			c("ev --each", "", stat("--each")),
			c("inotifywait", "inotifywait", program{words: []string{"inotifywait", "-mr"}, says: "Watches established"}),
		},
		goals: []goal{
			faultless("ev"), faultless("ev --each"), atMost("ev", 2, "inotifywait"), atMost("ev --each", 2, "inotifywait"),
		},
	}
}

func (b *bench) createAll(count int, p program) (s sample, err error) {
	dir, err := os.MkdirTemp(b.scratch, "creates-")
	if err != nil {
		return s, err
	}
	out, err := os.Create(dir + ".out")
	if err != nil {
		return s, err
	}
	defer out.Close()
	p.words, p.stdout = append(slices.Clone(p.words), dir), out
	g, err := b.launch(p)
	if err != nil {
		return s, err
	}
	defer g.stop()
	before := g.calm()
	for i := range count {
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("file%d.txt", i)), []byte("x"), 0o600); err != nil {
			return s, err
		}
	}
	s.figures = []float64{float64(g.calm().cpu-before.cpu) / 1e6}
	told, err := os.ReadFile(out.Name())
	if err != nil {
		return s, err
	}
	names := map[string]bool{}
	for _, name := range regexp.MustCompile(`file\d+\.txt`).FindAll(told, -1) {
		names[string(name)] = true
	}
	s.tried, s.wrong = count, count-len(names)
	return s, os.Remove(out.Name())
}

func (b *bench) writeAll(count int, words [3]string, start func(dir string) program) (s sample, err error) {
	const files = 100
	dir, err := os.MkdirTemp(b.scratch, "writes-")
	if err != nil {
		return s, err
	}
	defer os.RemoveAll(dir)
	path := func(i int) string { return filepath.Join(dir, fmt.Sprintf("file%d.txt", i)) }
	open := make([]*os.File, files)
	for i := range 2 * files {
		f, err := os.Create(path(i))
		if err != nil {
			return s, err
		}
		defer f.Close()
		if i < files {
			open[i] = f
		}
	}
	out, err := os.Create(dir + ".out")
	if err != nil {
		return s, err
	}
	defer out.Close()
	p := start(dir)
	p.stdout = out
	g, err := b.launch(p)
	if err != nil {
		return s, err
	}
	defer g.stop()
	before := g.calm()
	for i := range count {
		if _, err := open[i%files].WriteString("x"); err != nil {
			return s, err
		}
	}
	for i := range files {
		if err := os.Remove(path(files + i)); err != nil {
			return s, err
		}
		if err := os.WriteFile(path(2*files+i), nil, 0o600); err != nil {
			return s, err
		}
	}
	for _, f := range open { // or ev would wait for who has them open
		if err := f.Close(); err != nil {
			return s, err
		}
	}
	time.Sleep(100 * time.Millisecond)
	after := g.calm()
	if after.cpu < before.cpu {
		return s, errors.New("it ended on the way, as it does when the kernel's queue overflows")
	}
	s.figures = []float64{float64(after.cpu-before.cpu) / 1e6}
	told, err := os.ReadFile(out.Name())
	if err != nil {
		return s, err
	}
	all := bytes.Split(told, []byte("\n"))
	for i := range 3 * files {
		s.tried++
		name, word := []byte(path(i)), []byte(words[i/files])
		if !slices.ContainsFunc(all, func(line []byte) bool { return bytes.Contains(line, name) && bytes.Contains(line, word) }) {
			s.wrong++
		}
	}
	return s, os.Remove(out.Name())
}
