// Package layers is the test that says who may import whom: the rooms of ARCHITECTURE.md, and the
// way through them.
package layers

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/evshell/ev"

// rooms tells which rooms a room may import. Any may import a leaf, a package of internal/ that is
// not listed here; a leaf imports other leaves at most.
func rooms() map[string][]string {
	return map[string][]string{
		"main": {"cmd"},
		"cmd": {
			"cmd/usage", "cmd/watchers", "live", "session",
			"evfile", "evfile/crontab", "evfile/procfile", "control", "watch", "schedule", "action", "event", "loop", "process",
			"watch/stat", "watch/onhttp", "link", "completions",
		},
		"cmd/watchers": {
			"cmd/usage", "live", "session",
			"evfile", "watch", "schedule", "action", "event", "loop", "process", "link",
			"watch/stat", "watch/fd", "watch/timer", "watch/every", "watch/onsignal", "watch/onexit", "watch/onhttp", "watch/onmessage", "watch/probe",
		},
		"cmd/usage":         {"evfile", "process"},                                                     // whose errors have a status
		"live":              {"session", "watch", "watch/timer", "action", "control", "event", "loop"}, // it counts a timer down
		"session":           {"watch", "action", "process", "control", "link", "event", "loop"},
		"watch":             {"loop", "event"},
		"watch/stat":        {"watch", "loop", "event"},
		"watch/fd":          {"watch", "loop", "event"},
		"watch/timer":       {"watch", "loop", "event"},
		"watch/every":       {"watch", "loop", "event", "process", "schedule"},
		"watch/onsignal":    {"watch", "loop", "event"},
		"watch/onexit":      {"watch", "loop", "event", "process", "watch/stat"}, // a PID file is watched
		"watch/onhttp":      {"watch", "loop", "event"},
		"watch/onmessage":   {"watch", "loop", "event", "link"},
		"watch/probe":       {"watch", "loop", "event", "process"},
		"action":            {"loop", "event", "process"},
		"process":           {"loop"},
		"control":           {"loop", "event"}, // a connection is one more descriptor of the loop
		"link":              {},
		"schedule":          {},
		"event":             {},
		"completions":       {},
		"evfile":            {},
		"evfile/crontab":    {"evfile"},
		"evfile/procfile":   {"evfile"},
		"loop":              {},
		"internal/gen":      {"cmd", "cmd/usage"},
		"internal/looptest": {"loop"},
		"internal/inject":   {}, // a program of tests, that no room knows
		"docs":              {}, // a program that draws the picture of README.md
	}
}

// libraries tells where a library may be known, and a package of the standard library that is not
// for every room; "leaf" is any leaf, "floor" is every watcher's room.
func libraries() map[string][]string {
	return map[string][]string{
		"github.com/spf13/cobra":           {"cmd", "cmd/watchers", "internal/gen"},
		"github.com/spf13/pflag":           {"cmd", "cmd/usage", "cmd/watchers", "internal/gen"},
		"github.com/fsnotify/fsnotify":     {"watch/stat"},
		"github.com/bmatcuk/doublestar/v4": {"watch/stat", "leaf"},
		"golang.org/x/sys":                 {"loop", "link", "floor", "action", "process", "control", "session", "live", "cmd", "cmd/watchers", "leaf", "internal/looptest", "internal/inject"},
		"github.com/nats-io/nats.go":       {"link"},
		"github.com/clipperhouse":          {"leaf"},
		"github.com/creack/pty":            {"leaf", "docs"},
		"golang.org/x/crypto/bcrypt":       {"watch/onhttp"}, // 30 kB

		"net/http":      {"watch/onhttp", "watch/probe"},             // its server, and its client
		"text/template": {},                                          // it costs 1.5 MB, and the linker's dead-code elimination
		"expvar":        {},                                          // it costs 4 MB
		"os/exec":       {"internal/inject", "internal/gen", "docs"}, // the process room starts what ev starts
	}
}

// fault says why a room may not import a package; "" is that it may.
func fault(room, imported string) string {
	rooms := rooms()
	if _, listed := rooms[room]; !listed && !isInternal(room) {
		return room + " is no room of the house: give it a place in rooms()"
	}
	if target, ours := strings.CutPrefix(imported+"/", module+"/"); ours {
		target = roomOf(target)
		_, listed := rooms[target]
		if isInternal(target) && !listed || slices.Contains(rooms[room], target) {
			return ""
		}
		return room + " may not import " + target
	}
	if _, listed := rooms[room]; !listed {
		room = "leaf"
	}
	for library, at := range libraries() {
		if !strings.HasPrefix(imported+"/", library+"/") {
			continue
		}
		if slices.Contains(at, room) || slices.Contains(at, "floor") && strings.HasPrefix(room, "watch/") {
			return ""
		}
		return room + " may not know " + imported
	}
	if strings.Contains(strings.Split(imported, "/")[0], ".") {
		return room + " may not know " + imported
	}
	return "" // the standard library
}

func isInternal(room string) bool { return strings.HasPrefix(room, "internal/") }

// roomOf returns the room of a folder, which is relative to the root and slash-separated.
func roomOf(folder string) string {
	parts := strings.Split(path.Clean(folder), "/")
	switch {
	case parts[0] == ".":
		return "main"
	case len(parts) > 1 && slices.Contains([]string{"cmd", "internal", "watch", "evfile"}, parts[0]):
		return parts[0] + "/" + parts[1]
	}
	return parts[0]
}

// starts says whether a function starts a process, and mayStart whether a room may call it. What is
// started elsewhere would inherit descriptors and blocked signals, and nobody would reap it. The
// guard of a terminal is ev itself; inject is a program of the tests'.
func starts(function string) bool { return function == "ForkExec" || function == "StartProcess" }

func mayStart(room string) bool {
	return slices.Contains([]string{"process", "internal/term", "internal/inject"}, room)
}

// The files themselves are read, not go list asked, so that the files of every platform count, and
// that a package which does not compile is no excuse.
func TestImportsRunOneWay(t *testing.T) {
	const root = "../.."
	files := 0
	err := filepath.WalkDir(root, func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() {
			return enter(root, name, entry)
		}
		if !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			return nil
		}
		files++
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		folder, err := filepath.Rel(root, filepath.Dir(name))
		if err != nil {
			return err
		}
		room := roomOf(filepath.ToSlash(folder))
		for _, spec := range file.Imports {
			imported, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return err
			}
			if why := fault(room, imported); why != "" {
				t.Errorf("%s: %s", name, why)
			}
		}
		ast.Inspect(file, func(n ast.Node) bool {
			if use, ok := n.(*ast.SelectorExpr); ok && starts(use.Sel.Name) && !mayStart(room) {
				t.Errorf("%s: %s may not start a process by %s", name, room, use.Sel.Name)
			}
			return true
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if files == 0 {
		t.Error("there is no Go file to look at")
	}
}

// enter leaves out what is not of this module.
func enter(root, name string, entry fs.DirEntry) error {
	if name == root {
		return nil
	}
	if entry.Name() == "testdata" || strings.HasPrefix(entry.Name(), ".") || strings.HasPrefix(entry.Name(), "_") {
		return fs.SkipDir
	}
	if _, err := os.Stat(filepath.Join(name, "go.mod")); err == nil {
		return fs.SkipDir
	}
	return nil
}

func TestFault(t *testing.T) {
	const cobra, fsnotify, sys = "github.com/spf13/cobra", "github.com/fsnotify/fsnotify", "golang.org/x/sys/unix"
	tests := []struct {
		folder, imported string
		allowed          bool
	}{
		{".", module + "/cmd", true},
		{".", module + "/loop", false},
		{"cmd", module + "/loop", true},
		{"cmd", cobra, true},
		{"cmd", module + "/internal/gen", false},
		{"cmd", module + "/internal/looptest", false},
		{"cmd", module + "/internal/inject", false},
		{"cmd", module + "/session", true},
		{"cmd", module + "/live", true},
		{"live", module + "/session", true},
		{"live", module + "/cmd", false},
		{"session", module + "/live", false},
		{"session", module + "/watch", true},
		{"session", module + "/watch/stat", false},
		{"session", module + "/evfile", false},
		{"session", module + "/cmd", false},
		{"session", cobra, false},
		{"watch", module + "/session", false},
		{"watch", module + "/loop", true},
		{"watch", module + "/watch/stat", false},
		{"watch", fsnotify, false},
		{"watch/stat", module + "/watch", true},
		{"watch/stat", module + "/action", false},
		{"watch/stat", module + "/watch/fd", false},
		{"watch/stat", fsnotify, true},
		{"watch/fd", fsnotify, false},
		{"watch/fd", sys, true},
		{"watch/fd", "net/http", false},
		{"watch/fd", cobra, false},
		{"watch/onhttp", "net/http", true},
		{"watch/onhttp", "text/template", false},
		{"watch/onexit", module + "/watch/stat", true},
		{"watch/stat", module + "/watch/onexit", false},
		{"watch/deeper", "time", false},
		{"action", module + "/watch", false},
		{"action", module + "/process", true},
		{"process", module + "/loop", true},
		{"process", module + "/event", false},
		{"process", sys, true},
		{"process", "os/exec", false},
		{"cmd", "os/exec", false},
		{"internal/term", "os/exec", false},
		{"watch/onexit", module + "/process", true},
		{"watch/every", module + "/process", true},
		{"watch/timer", module + "/process", false},
		{"action", module + "/internal/sig", true},
		{"action", sys, true},
		{"loop", module + "/event", false},
		{"loop", fsnotify, false},
		{"loop", sys, true},
		{"event", sys, false},
		{"schedule", module + "/event", false},
		{"evfile", module + "/cmd", false},
		{"evfile", module + "/evfile/crontab", false},
		{"evfile/crontab", module + "/evfile", true},
		{"evfile/procfile", module + "/evfile/crontab", false},
		{"control", module + "/event", true},
		{"control", module, false},
		{"internal/sig", module + "/internal/nearest", true},
		{"internal/sig", module + "/event", false},
		{"internal/sig", cobra, false},
		{"internal/gen", module + "/cmd", true},
		{"internal/gen", cobra, true},
		{"internal/looptest", module + "/loop", true},
		{"loop", "time", true},
		{"loop", "github.com/google/go-cmp/cmp", false},
		{"helpers", "time", false},
	}
	for _, tt := range tests {
		if why := fault(roomOf(tt.folder), tt.imported); (why == "") != tt.allowed {
			t.Errorf("%s importing %s: %q; allowed: %v", tt.folder, tt.imported, why, tt.allowed)
		}
	}
}
