package stat

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/evshell/ev/event"
	"github.com/evshell/ev/internal/looptest"
)

// The limit that is named is the one that was reached: a user namespace has its own.
func TestLimit_ofAUserNamespace(t *testing.T) {
	const limit, inside = "/proc/sys/user/max_inotify_watches", "EV_TEST_NAMESPACE"
	if os.Getenv(inside) != "" {
		if err := os.WriteFile(limit, []byte("4"), 0); err != nil {
			t.Skip("the namespace has no limit of its own: ", err)
		}
		dir := t.TempDir()
		mkdir(t, filepath.Join(dir, "1/2/3/4/5"))
		s, err := New(looptest.NewLoop(t), Options{Paths: []string{dir}, Recursive: true}, func(event.Detail) {})
		check(t, err)
		want := "the limit user.max_inotify_watches, which is 4 for this user namespace, is reached with "
		if err := s.Start(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v", err)
		}
		return
	}
	ids := []syscall.SysProcIDMap{{HostID: os.Getuid(), Size: 1}}
	groups := []syscall.SysProcIDMap{{HostID: os.Getgid(), Size: 1}}
	p, err := os.StartProcess(os.Args[0], []string{os.Args[0], "-test.run=^" + t.Name() + "$", "-test.v"}, &os.ProcAttr{
		Env:   append(os.Environ(), inside+"=1"),
		Files: []*os.File{nil, os.Stdout, os.Stderr},
		Sys:   &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWUSER, UidMappings: ids, GidMappings: groups},
	})
	if err != nil {
		t.Skip("no user namespace can be made here: ", err)
	}
	if state, err := p.Wait(); err != nil || !state.Success() {
		t.Errorf("in the namespace: %v, %v", state, err)
	}
}
