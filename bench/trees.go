package main

import (
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// trees is how long it takes until a whole tree is watched, and how much memory it
// then takes.
func trees(b *bench) []work {
	var works []work
	for _, t := range []struct {
		name               string
		directories, files int // in each
	}{{"1000 files", 10, 100}, {fmt.Sprintf("%d directories", b.either(2000, 20_000)), b.either(2000, 20_000), 0}} {
		plant := func() (string, error) { return b.tree(t.name, t.directories, t.files) }
		c := func(figure func(time.Duration, usage) float64) []contender {
			one := func(name, needs string, p func(dir string) program) contender {
				return contender{name: name, needs: needs, measure: func() (sample, error) {
					dir, err := plant()
					if err != nil {
						return sample{}, err
					}
					start := time.Now()
					g, err := b.launch(p(dir))
					if err != nil {
						return sample{}, err
					}
					took := time.Since(start)
					defer g.stop()
					return sample{figures: []float64{figure(took, g.usage())}}, nil
				}}
			}
			return []contender{
				one("ev stat -r", "", func(dir string) program {
					return program{words: []string{b.ev(), "stat", "-r", "--ready-fd", "3", dir}, readyFD: true}
				}),
				one("inotifywait -r", "inotifywait", func(dir string) program {
					return program{words: []string{"inotifywait", "-mr", dir}, says: "Watches established"}
				}),
				one("fswatch -r", "fswatch", func(dir string) program {
					return program{words: []string{"fswatch", "-r", dir}, watches: t.directories + 1}
				}),
				one("watchman", "watchman", func(dir string) program {
					own := filepath.Join(b.scratch, "watchman")
					_ = os.RemoveAll(own)
					_ = os.Mkdir(own, 0o700)
					script := `watchman --foreground --sockname="$0/s" --statefile="$0/state" --pidfile="$0/pid" --logfile="$0/log" &
until watchman --sockname="$0/s" --no-spawn watch "$1" >/dev/null 2>&1; do sleep 0.01; done; wait`
					return program{words: []string{"sh", "-c", script, own, dir}, env: []string{"USER=bench"}, watches: t.directories + 1}
				}),
			}
		}
		works = append(works, work{
			name: "trees " + t.name, what: "until all is watched", unit: "ms", beside: "inotifywait -r", rounds: b.either(2, 4),
			contenders: c(func(d time.Duration, _ usage) float64 { return float64(d) / 1e6 }),
			goals:      []goal{atMost("ev stat -r", 1, "inotifywait -r")},
		}, work{
			name: "trees " + t.name + " memory", what: "resident memory once all is watched", unit: "MB", beside: "inotifywait -r",
			rounds: b.either(1, 2), contenders: c(func(_ time.Duration, u usage) float64 { return float64(u.resident) / 1e6 }),
		})
	}
	return works
}

// tree makes a tree, once.
func (b *bench) tree(name string, directories, files int) (string, error) {
	root := filepath.Join(b.scratch, name)
	if _, err := os.Stat(root); err == nil {
		return root, nil
	}
	for d := range directories {
		dir := filepath.Join(root, fmt.Sprint("a", d%100), fmt.Sprint("b", d/100))
		if directories < 100 {
			dir = filepath.Join(root, fmt.Sprint("a", d))
		}
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return "", err
		}
		for f := range files {
			if err := os.WriteFile(filepath.Join(dir, fmt.Sprint("file", f)), nil, 0o600); err != nil {
				return "", err
			}
		}
	}
	return root, nil
}
