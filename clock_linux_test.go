//go:build !race

package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// aMachine sets its clock while ev waits by it. Each line that ev prints is an instant, and how
// many were missed before it.
const aMachine = `#!/bin/sh
cd "${0%/*}" || exit
mount -t proc none /proc
exec >out 2>&1
export PATH="$PWD:/usr/sbin:/usr/bin:/sbin:/bin" TZ=UTC
mkfifo ready && touch booted

# stepped FROM TO SCHEDULE... sets the clock from one time to another
stepped() {
	date -s "2026-03-01 $1" >date
	to=$2
	shift 2
	ev every "$@" --count 1 --format '{due} {missed}\n' --timeout 30s --ready-fd 3 3>ready &
	read -r armed <ready
	date -s "2026-03-01 $to" >date
	wait $! || echo "ev every $*: $?"
}

stepped 10:58:00 14:30:00 '0 * * * *' --catch-up once
stepped 10:58:00 11:30:20 '30 11 * * *'
stepped 12:00:01 10:59:59 '0 * * * *'
stepped 12:00:01 06:59:59 '0 7 * * *'
stepped 12:00:01 15:00:00 --at 14:00

echo o >/proc/sysrq-trigger
sleep 60
`

// TestEvery_followsARealClock: the one of a machine in user mode, since to set this one's would be
// felt by others. The race detector does not find the address space there that it wants.
func TestEvery_followsARealClock(t *testing.T) {
	linux, err := exec.LookPath("linux.uml")
	if err != nil {
		t.Skip("needs linux.uml")
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	init := filepath.Join(dir, "init")
	if err := os.Symlink(self, filepath.Join(dir, "ev")); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(init, []byte(aMachine), 0o700); err != nil {
		t.Fatal(err)
	}
	c := exec.CommandContext(t.Context(), linux, "mem=256M", "root=/dev/root", "rootfstype=hostfs", "rootflags=/", "rw",
		"init="+init, "con=null", "con0=null,fd:2", "panic=1", "EV_BACKEND="+os.Getenv("EV_BACKEND"))
	c.Env = append(os.Environ(), "HOME="+dir, "TMPDIR="+dir)
	log, err := c.CombinedOutput()
	if _, unbooted := os.Stat(filepath.Join(dir, "booted")); unbooted != nil {
		t.Skipf("needs a linux.uml that runs here: %v\n%s", err, log)
	}
	out, err := os.ReadFile(filepath.Join(dir, "out"))
	if err != nil {
		t.Fatal(err)
	}
	want := strings.Join([]string{
		"2026-03-01T14:00:00Z 3", // on, over four instants
		"2026-03-01T11:30:00Z 0", // on, over one that is not a minute old
		"2026-03-01T11:00:00Z 0", // back, for what follows elapsed time
		"2026-03-01T07:00:00Z 0", // back by more than three hours
		"2026-03-01T14:00:00Z 0", // on, over the only one
	}, "\n") + "\n"
	if string(out) != want {
		t.Errorf("got\n%swant\n%s", out, want)
	}
}
