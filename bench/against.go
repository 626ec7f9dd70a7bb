package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// worse is how much worse than another revision is pointed out: a tenth, for what is less is noise.
const worse = 0.1

// buildOther makes ev, and this program, of another revision.
func (b *bench) buildOther(rev string) error {
	tree := filepath.Join(b.scratch, "tree")
	run := func(dir string, words ...string) error {
		cmd := exec.Command(words[0], words[1:]...)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("%s: %w\n%s", strings.Join(words, " "), err, out)
		}
		return nil
	}
	short, err := exec.Command("git", "rev-parse", "--short", "--verify", rev+"^{commit}").Output()
	if err != nil {
		return fmt.Errorf("--against %s: %w", rev, explain(err))
	}
	b.revision = strings.TrimSpace(string(short))
	if err := run("..", "git", "worktree", "add", "--force", "--detach", tree, b.revision); err != nil {
		return err
	}
	defer func() { _ = run("..", "git", "worktree", "remove", "--force", tree) }()
	if err := run(tree, "go", "build", "-trimpath", "-ldflags=-s -w", "-o", b.builtOther("ev"), "."); err != nil {
		return err
	}
	return run(filepath.Join(tree, "bench"), "go", "build", "-o", b.builtOther("driver"), ".")
}

// builtOther is the path of something that buildOther has made.
func (b *bench) builtOther(name string) string { return b.built(name + "-" + b.revision) }

// against adds ev of the other revision to each work, to take its turn after that of this one.
func (b *bench) against(works []work) []work {
	b.other = true
	others := b.works()
	b.other = false
	for i, w := range works {
		n := slices.IndexFunc(others, func(o work) bool { return o.name == w.name })
		var all []contender
		for j, c := range w.contenders {
			all = append(all, c)
			if !isEv(c.name) {
				continue
			}
			measure := others[n].contenders[j].measure
			c.name, c.revision = c.name+" at "+b.revision, b.revision
			c.measure = func() (sample, error) {
				b.other = true
				defer func() { b.other = false }()
				return measure()
			}
			all = append(all, c)
		}
		works[i].contenders = all
	}
	return works
}

// isEv reports whether a contender is ev, or its loop: the word is the first of its name.
func isEv(name string) bool {
	return strings.TrimRight(strings.SplitN(name, " ", 2)[0], ",") == "ev" || strings.HasPrefix(name, "ev's ")
}

// besideOther says how ev does beside itself at the other revision.
func besideOther(w work, scores []score) []string {
	var all []string
	for i := range scores {
		s := &scores[i]
		if s.revision == "" || !s.measured() {
			continue
		}
		name := strings.TrimSuffix(s.name, " at "+s.revision)
		now := find(scores, name)
		if now == nil || s.median() == 0 {
			continue
		}
		ratio := now.median() / s.median()
		line := fmt.Sprintf("beside %s: %s: %.2f", s.revision, name, ratio)
		if !w.higher && ratio >= 1+worse || w.higher && ratio <= 1-worse {
			line += ", **worse**"
		}
		all = append(all, line)
	}
	return all
}
