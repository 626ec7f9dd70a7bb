package cmd

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/evshell/ev/cmd/usage"
	"github.com/evshell/ev/control"
	"github.com/evshell/ev/event"
	"github.com/evshell/ev/internal/socket"
	"github.com/evshell/ev/live"
	"github.com/evshell/ev/loop"
	"github.com/evshell/ev/session"
)

// controlVariable tells the commands of an ev run its control socket.
const controlVariable = "EV_CONTROL"

// listen opens the control socket of a session.
func (p *program) listen(l *loop.Loop, s *session.Session, path string) (*control.Server, error) {
	server, err := control.Listen(l, path, s.Serve, p.Report)
	if err != nil {
		return nil, fmt.Errorf("--control: %w", err)
	}
	p.Report.Verbosef("the control socket is %s", path)
	s.Observe(publisher{server: server})
	return server, nil
}

// A publisher passes events on to those who read them from the control socket.
type publisher struct {
	session.Unobserved
	server *control.Server
}

func (p publisher) Happened(e event.Event) { p.server.Publish(e) }

// serveMetrics serves the counts of a session at an address.
func (p *program) serveMetrics(l *loop.Loop, s *session.Session, address string) (*control.Page, error) {
	at, err := socket.ParseTCP(address)
	if err != nil {
		return nil, usage.Of(usage.Value("metrics"), "--metrics: ", err)
	}
	metrics := session.NewMetrics(s)
	metrics.Links = p.Links.States
	page, err := control.ServePage(l, at, "/metrics", metrics.Page, p.Report)
	if err != nil {
		return nil, fmt.Errorf("--metrics: %w", err)
	}
	if at, err = page.Address(); err == nil {
		p.Report.Verbosef("the metrics are at http://%s/metrics", at)
	}
	return page, nil
}

// show shows the watchers of a session on the terminal.
func (p *program) show(l *loop.Loop, s *session.Session) (*live.Table, error) {
	if t := p.Getenv("TERM"); t == "" || t == "dumb" {
		return nil, usage.At(usage.Flag("live"), "--live: the terminal can't move its cursor (TERM=%s): leave it out", t)
	}
	t, err := live.Show(l, s, live.Options{Stderr: p.stderr, Getenv: p.Getenv, Report: p.Report, Color: p.Color})
	if err != nil {
		return nil, usage.At(usage.Flag("live"), "--live: there is no terminal to draw on: %v", err)
	}
	return t, nil
}

// tellSocket has the commands know the socket, and not another one's.
func tellSocket(path string) error {
	if path == "" {
		return os.Unsetenv(controlVariable)
	}
	return os.Setenv(controlVariable, path)
}

// defaultSocket returns where the socket for an Evfile is if no path was given: ev/NAME.sock in the
// user's runtime directory. A file that is just called Evfile is named after its directory, and
// lines of the command line are called ev.
func (p *program) defaultSocket(file string) (string, error) {
	dir, err := p.socketDir()
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
func (p *program) socketDir() (string, error) {
	runtime := p.Getenv("XDG_RUNTIME_DIR")
	if runtime == "" {
		return "", usage.Errorf("XDG_RUNTIME_DIR is not set: give the socket's path, as in --control ./ev.sock")
	}
	return filepath.Join(runtime, "ev"), nil
}

// bareControl gives a --control without a PATH, which is the last word or has a flag after it, an
// empty one.
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
