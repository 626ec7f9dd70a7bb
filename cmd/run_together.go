package cmd

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"github.com/evshell/ev/cmd/usage"
	"github.com/evshell/ev/event"
	"github.com/evshell/ev/evfile"
	"github.com/evshell/ev/internal/durable"
	"github.com/evshell/ev/internal/nearest"
	"github.com/evshell/ev/internal/sig"
)

// checkTogether returns what is wrong with lines that are right each for itself: one of two would
// not get what both want.
func checkTogether(lines []*line) evfile.Errors {
	return slices.Concat(checkSignals(lines), checkStdin(lines), checkTerminal(lines), checkStates(lines), checkLocks(lines), checkGroups(lines), checkListeners(lines), checkFollows(lines))
}

// checkSignals refuses a line that wants a signal with --siginfo when another line watches it, too:
// one of the two would not see it.
func checkSignals(lines []*line) (errs evfile.Errors) {
	for _, l := range lines {
		for _, s := range l.binding.Claims().Blocked {
			for _, other := range lines {
				if other != l && slices.Contains(other.binding.Claims().Signals, s) {
					errs = append(errs, l.fault(usage.At(usage.Flag("siginfo"), "--siginfo: %s is watched by line %d, too, and one of the two would miss it: leave out one of the two", sig.Name(s), other.Words[0].Line)))
				}
			}
		}
	}
	return errs
}

// checkStdin refuses a line that needs the standard input which another one reads to its end before
// anything starts.
func checkStdin(lines []*line) (errs evfile.Errors) {
	var first, drains *line // of those that read it
	for _, l := range lines {
		claims := l.binding.Claims()
		if !claims.Stdin {
			continue
		}
		other := drains
		if claims.Drained {
			other = first
		}
		if other != nil {
			errs = append(errs, l.fault(usage.At(usage.ArgOf("-"), "standard input is read by line %d, too, and one of the two would get nothing: name a file or a FIFO", other.Words[0].Line)))
		}
		first = cmp.Or(first, l)
		if claims.Drained {
			drains = cmp.Or(drains, l)
		}
	}
	return errs
}

// checkTerminal refuses a second countdown: a terminal has one line for it.
func checkTerminal(lines []*line) evfile.Errors {
	shows := func(l *line) (struct{}, bool) { return struct{}{}, l.binding.Claims().Terminal }
	return clashes(lines, shows, func(_, first *line) error {
		return usage.At(usage.Flag("progress"), "--progress: the terminal already shows the countdown of line %d: leave out one of the two, or use --live", first.Words[0].Line)
	})
}

// checkStates refuses a line that remembers in the file of another one.
func checkStates(lines []*line) evfile.Errors {
	state := func(l *line) (string, bool) {
		file := l.binding.Claims().State
		if file == "" {
			return "", false
		}
		return durable.Names(file)[0], true
	}
	return clashes(lines, state, func(l, first *line) error {
		return usage.At(usage.Flag("state"), "--state: %s is the state of line %d, too: give each line a file of its own", l.binding.Claims().State, first.Words[0].Line)
	})
}

// checkLocks refuses a schedule whose instants are those of another one: each would be run by one of
// the two.
func checkLocks(lines []*line) evfile.Errors {
	instants := func(l *line) (of [2]string, ok bool) {
		if lock := l.binding.Lock; lock != nil {
			of = [2]string{lock.Name, lock.Label}
		}
		return of, l.binding.Lock != nil && l.binding.Kind == event.KindEvery
	}
	return clashes(lines, instants, func(l, first *line) error {
		return usage.At(usage.Flag("lock"), "--lock=%s: the last instant is remembered for each lock and label, and line %d has the same ones: give each line a label", l.binding.Lock.Name, first.Words[0].Line)
	})
}

// checkGroups refuses a line that shares a group with one which gets something else.
func checkGroups(lines []*line) evfile.Errors {
	group := func(l *line) (string, bool) { return l.binding.Claims().Group, l.binding.Claims().Group != "" }
	return clashes(lines, group, func(l, first *line) error {
		if own := l.binding.Claims().Subjects; own != nil && slices.Equal(own, first.binding.Claims().Subjects) {
			return nil
		}
		return usage.At(usage.Flag("group"), "--group: line %d has the same group, and each event goes to one of the two, whether it wants it or not: give each a group of its own", first.Words[0].Line)
	})
}

// clashes returns what clash says of each line that takes the same thing as one before it, the first.
func clashes[K comparable](lines []*line, takes func(*line) (K, bool), clash func(l, first *line) error) (errs evfile.Errors) {
	firsts := map[K]*line{}
	for _, l := range lines {
		thing, ok := takes(l)
		if !ok {
			continue
		}
		first := firsts[thing]
		if first == nil {
			firsts[thing] = l
			continue
		}
		if err := clash(l, first); err != nil {
			errs = append(errs, l.fault(err))
		}
	}
	return errs
}

// checkFollows refuses a line that follows one which is not there.
func checkFollows(lines []*line) (errs evfile.Errors) {
	names := map[string]bool{}
	for _, l := range lines {
		if l.binding.Exec != nil || l.binding.Child != nil {
			names[l.binding.Name] = true
		}
	}
	for _, l := range lines {
		for _, name := range l.binding.Claims().Follows {
			if names[name] {
				continue
			}
			hint := "name one that has a command"
			if meant, ok := nearest.Of(name, slices.Values(slices.Sorted(maps.Keys(names)))); ok {
				hint = "did you mean " + meant + "?"
			}
			errs = append(errs, l.fault(usage.At(usage.Item("of", name), "--of %s: there is no line %[1]s that runs a command: %s", name, hint)))
		}
	}
	return errs
}

// checkListeners refuses lines with one address of which one keeps the other from being what it
// says.
func checkListeners(lines []*line) (errs evfile.Errors) {
	var listeners []*line
	for _, l := range lines {
		if l.listens == nil {
			continue
		}
		for _, first := range listeners {
			if err := l.listens.Beside(first.listens); err != nil {
				errs = append(errs, l.fault(fmt.Errorf("%w (line %d)", err, first.Words[0].Line)))
				break
			}
		}
		listeners = append(listeners, l)
	}
	return errs
}
