package cmd

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/evshell/ev/control"
	"github.com/evshell/ev/evfile"
	"github.com/evshell/ev/internal/nearest"
	"github.com/evshell/ev/internal/socket"
)

// controlVariable tells the commands of an ev run its control socket.
const controlVariable = "EV_CONTROL"

// listen opens the control socket, and tells the commands of it.
func (r *runner) listen(path string) error {
	server, err := control.Listen(r.loop, path, r.serve, r.app.report)
	if err != nil {
		return fmt.Errorf("--control: %w", err)
	}
	r.app.report.Verbosef("the control socket is %s", path)
	r.onEvent = append(r.onEvent, server.Publish)
	r.onClose = append(r.onClose, server.Close)
	return nil
}

// tellSocket has the commands know the socket, and not another one's.
func tellSocket(path string) error {
	if path == "" {
		return os.Unsetenv(controlVariable)
	}
	return os.Setenv(controlVariable, path)
}

// serve does what a client asks for.
func (r *runner) serve(q control.Request) control.Reply {
	if err := r.obey(q); err != nil {
		faults, _ := errors.AsType[evfile.Errors](err)
		reply := control.Reply{Error: err.Error()}
		if _, started := errors.AsType[*startError](err); faults != nil && !started {
			reply.Error = "the Evfile is faulty: nothing has changed"
		}
		for _, e := range faults {
			reply.Faults = append(reply.Faults, control.Fault{File: e.File, Line: e.Line, Column: e.Col, Message: e.Msg, Source: e.Source})
		}
		return reply
	}
	reply := control.Reply{OK: true}
	if q.Command == control.List {
		picked, err := r.pick(q.Names)
		if err != nil {
			return control.Reply{Error: err.Error()}
		}
		for _, v := range picked {
			reply.Watchers = append(reply.Watchers, v.state())
		}
	}
	return reply
}

func (r *runner) obey(q control.Request) error {
	switch q.Command {
	case control.Start:
		return r.each(q.Names, (*bound).restart)
	case control.Stop:
		return r.each(q.Names, func(v *bound) error { v.halt(); return nil })
	case control.Fire:
		return r.each(q.Names, (*bound).fire)
	case control.List:
		return nil
	}
	if len(q.Names) > 0 {
		return fmt.Errorf("%s is about the loop as a whole, and takes no name", q.Command)
	}
	switch q.Command {
	case control.Suspend:
		r.pause(true)
	case control.Resume:
		r.pause(false)
	case control.Break:
		r.end(exitOK)
	case control.Reload:
		if r.reload == nil {
			return fmt.Errorf("the lines are ev run's own arguments: there is no Evfile to read again")
		}
		return r.again()
	default:
		return fmt.Errorf("there is no command %q: there are %s", q.Command, strings.Join(controlNames(), ", "))
	}
	return nil
}

// each does something to the watchers that are named, and goes on after an error.
func (r *runner) each(names []string, do func(*bound) error) error {
	if len(names) == 0 {
		return fmt.Errorf("name a watcher: %s", strings.Join(r.names(), ", "))
	}
	picked, err := r.pick(names)
	if err != nil {
		return err
	}
	for _, v := range picked {
		if e := do(v); e != nil && err == nil {
			err = fmt.Errorf("%s: %w", v.Name, e)
		}
	}
	return err
}

// pick returns the watchers of given names, several if they have the same; without
// names, all.
func (r *runner) pick(names []string) ([]*bound, error) {
	if len(names) == 0 {
		return r.bound, nil
	}
	for _, name := range names {
		if !slices.ContainsFunc(r.bound, func(v *bound) bool { return v.Name == name }) {
			if meant, ok := nearest.Of(name, slices.Values(r.names())); ok {
				return nil, fmt.Errorf("there is no watcher %s: did you mean %s?", name, meant)
			}
			return nil, fmt.Errorf("there is no watcher %s: ev ctl list tells which there are", name)
		}
	}
	var picked []*bound
	for _, v := range r.bound {
		if slices.Contains(names, v.Name) {
			picked = append(picked, v)
		}
	}
	return picked, nil
}

func (r *runner) names() []string {
	var names []string
	for _, v := range r.bound {
		if !slices.Contains(names, v.Name) {
			names = append(names, v.Name)
		}
	}
	return names
}

// defaultSocket returns where the socket for an Evfile is if no path was given:
// ev/NAME.sock in the user's runtime directory. A file that is just called Evfile is
// named after its directory, and lines of the command line are called ev.
func (a *app) defaultSocket(file string) (string, error) {
	dir, err := a.socketDir()
	if err != nil {
		return "", err
	}
	if err := socket.OwnDir(dir, true); err != nil {
		return "", fmt.Errorf("--control: %w", err)
	}
	name := "ev"
	if file != "" && file != "-" {
		if file, err = filepath.Abs(file); err != nil {
			return "", err
		}
		name = filepath.Base(file)
		if name == "Evfile" {
			name = filepath.Base(filepath.Dir(file))
		}
		name = strings.TrimSuffix(name, filepath.Ext(name))
	}
	return filepath.Join(dir, name+".sock"), nil
}

// socketDir is where sockets are of which no path was given.
func (a *app) socketDir() (string, error) {
	runtime := a.getenv("XDG_RUNTIME_DIR")
	if runtime == "" {
		return "", usagef("XDG_RUNTIME_DIR is not set: give the socket's path, as in --control ./ev.sock")
	}
	return filepath.Join(runtime, "ev"), nil
}

// bareControl gives a --control without a PATH, which is the last word or has a flag
// after it, an empty one.
func bareControl(args []string) []string {
	args = slices.Clone(args)
	for i, arg := range args {
		switch {
		case arg == "--":
			return args
		case arg == "--control" && (i+1 == len(args) || strings.HasPrefix(args[i+1], "-")):
			args[i] = "--control="
		}
	}
	return args
}
