package process

import (
	"bytes"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

func TestParseStat(t *testing.T) {
	rest := " S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 4711" + strings.Repeat(" 0", 29) + " 1792 "
	st, err := parseStat([]byte("42 (a) b\n (c)" + rest))
	if err != nil || st.comm != "a) b\n (c" || st.state != 'S' || st.start != 4711 || st.group != 2 || st.exitCode != 1792 {
		t.Errorf("%+v %v", st, err)
	}
}

func FuzzParseStat(f *testing.F) {
	f.Add([]byte("42 (x) S 1"))
	f.Add([]byte("1 )("))
	if own, err := os.ReadFile("/proc/self/stat"); err == nil {
		f.Add(own)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		st, err := parseStat(text)
		if err == nil && !bytes.Contains(text, []byte("("+st.comm+")")) {
			t.Errorf("%q is not in %q", st.comm, text)
		}
	})
}

func TestOnlyZombies(t *testing.T) {
	cmd := exec.CommandContext(t.Context(), "/bin/sh", "-c", "read x")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	stdin, err := cmd.StdinPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	group := cmd.Process.Pid
	if onlyZombies(group) {
		t.Error("what lives counts as a zombie")
	}
	_ = stdin.Close()
	for unix.Waitid(unix.P_PID, group, nil, unix.WEXITED|unix.WNOWAIT, nil) == unix.EINTR { //nolint:revive // it is asked again
	}
	if !onlyZombies(group) {
		t.Error("a zombie counts as living")
	}
	_ = cmd.Wait()
}
