package sig

import (
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

func TestParse(t *testing.T) {
	tests := []struct {
		in   string
		want syscall.Signal
	}{
		{"TERM", syscall.SIGTERM},
		{"SIGTERM", syscall.SIGTERM},
		{"sigterm", syscall.SIGTERM},
		{"Hup", syscall.SIGHUP},
		{"15", syscall.SIGTERM},
		{"9", syscall.SIGKILL},
		{"CHLD", syscall.SIGCHLD},
		{"CLD", syscall.SIGCHLD},
		{"IOT", syscall.SIGABRT},
		{"SIGPOLL", syscall.SIGIO},
		{"USR1", syscall.SIGUSR1},
	}
	for _, tt := range tests {
		if got, err := Parse(tt.in); got != tt.want || err != nil {
			t.Errorf("Parse(%q) = %v, %v; want %v", tt.in, int(got), err, int(tt.want))
		}
	}
}

func TestParse_realTime(t *testing.T) {
	if runtime.GOOS != "linux" {
		if _, err := Parse("RTMIN+3"); err == nil || !strings.Contains(err.Error(), "no real-time signals") {
			t.Errorf("Parse(RTMIN+3): %v", err)
		}
		return
	}
	for in, want := range map[string]syscall.Signal{
		"RTMIN": 34, "sigrtmin+0": 34, "RTMIN+3": 37, "rtmin+30": 64, "RTMAX-0": 64, "RTMAX": 64, "SIGRTMAX-1": 63, "RTMAX-30": 34,
	} {
		if got, err := Parse(in); got != want || err != nil {
			t.Errorf("Parse(%q) = %d, %v; want %d", in, int(got), err, int(want))
		}
	}
	for _, in := range []string{"RTMIN+31", "RTMAX-31", "RTMIN-1", "RTMAX+1", "RTMIN+", "RTMIN+-1", "RTMIN+x", "RTMIN3", "RT", "RTMIN+999999999999"} {
		_, err := Parse(in)
		if err == nil || !strings.Contains(err.Error(), "RTMIN to RTMIN+30 and RTMAX-30 to RTMAX") {
			t.Errorf("Parse(%q): %v", in, err)
		}
	}
}

func TestParse_errorsNameTheNearest(t *testing.T) {
	tests := []struct{ in, want string }{
		{"TREM", `no signal "TREM": did you mean TERM?`},
		{"SIGHPU", `no signal "SIGHPU": did you mean HUP?`},
		{"sigusr", `no signal "sigusr": did you mean USR1?`},
		{"FROBNICATE", `no signal "FROBNICATE": 'ev on-signal --list' names them all`},
		{"", `no signal "": 'ev on-signal --list' names them all`},
		{"SIG", `no signal "SIG": 'ev on-signal --list' names them all`},
		{"0", "no signal 0: the numbers are 1 to " + strconv.Itoa(last)},
		{"-1", "no signal -1: the numbers are 1 to " + strconv.Itoa(last)},
		{"999", "no signal 999: the numbers are 1 to " + strconv.Itoa(last)},
	}
	for _, tt := range tests {
		if _, err := Parse(tt.in); err == nil || err.Error() != tt.want {
			t.Errorf("Parse(%q): %v\nwant %s", tt.in, err, tt.want)
		}
	}
}

func TestName_isReadBackAsTheSameSignal(t *testing.T) {
	all := All()
	if !slices.IsSorted(all) || len(all) < 31 {
		t.Errorf("All() = %v", all)
	}
	for _, sig := range all {
		name := Name(sig)
		if got, err := Parse(name); got != sig || err != nil {
			t.Errorf("Parse(Name(%d)) = Parse(%q) = %d, %v", int(sig), name, int(got), err)
		}
		if Describe(sig) == "" {
			t.Errorf("no description of %s", name)
		}
	}
}

func TestName_agreesWithKill(t *testing.T) {
	bash, err := exec.LookPath("bash")
	if err != nil || runtime.GOOS != "linux" {
		t.Skip("needs bash on Linux")
	}
	for _, sig := range All() {
		out, err := exec.CommandContext(t.Context(), bash, "-c", "kill -l "+strconv.Itoa(int(sig))).Output()
		if err != nil {
			t.Fatal(err)
		}
		if got, want := Name(sig), strings.TrimSpace(string(out)); got != want {
			t.Errorf("Name(%d) = %s; kill -l says %s", int(sig), got, want)
		}
	}
}

func TestName_ofNoSignalIsItsNumber(t *testing.T) {
	if got := Name(200); got != "200" {
		t.Errorf("Name(200) = %q", got)
	}
	if got := Describe(200); got != "" {
		t.Errorf("Describe(200) = %q", got)
	}
}

// A signal that did not arrive would end the test, or hold it up.
func TestWatchable_signalsArrive(t *testing.T) {
	for _, sig := range All() {
		if Watchable(sig) != nil {
			continue
		}
		t.Run(Name(sig), func(t *testing.T) {
			arrived := make(chan os.Signal, 1)
			signal.Notify(arrived, sig)
			defer signal.Stop(arrived)
			if err := syscall.Kill(os.Getpid(), sig); err != nil {
				t.Fatal(err)
			}
			if got := <-arrived; got != sig {
				t.Errorf("%v arrived", got)
			}
		})
	}
}

func TestWatchable_saysWhyNot(t *testing.T) {
	tests := []struct {
		name string
		why  string
	}{
		{"KILL", "KILL cannot be watched: the kernel lets no program catch it"},
		{"STOP", "STOP cannot be watched: the kernel lets no program catch it"},
		{"PROF", "the Go runtime keeps it for its profiler"},
		{"URG", "the Go runtime sends it to itself"},
	}
	if runtime.GOOS == "linux" {
		tests = append(tests, []struct{ name, why string }{
			{"32", "32 cannot be watched: it belongs to the C library's threads"},
			{"33", "33 cannot be watched: it belongs to the C library's threads"},
			{"RTMIN", "RTMIN cannot be watched: the Go runtime leaves it to musl's threads; take RTMIN+1 or a later one"},
		}...)
	}
	for _, tt := range tests {
		sig, err := Parse(tt.name)
		if err != nil {
			t.Fatal(err)
		}
		if err := Watchable(sig); err == nil || !strings.Contains(err.Error(), tt.why) {
			t.Errorf("Watchable(%s): %v\nwant %s", tt.name, err, tt.why)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"TERM", "sigrtmin+3", "RTMAX-1", "15", "", "SIG", "RTMIN+", "-0", "+1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		sig, err := Parse(s)
		if err != nil {
			if strings.Contains(err.Error(), "\n") {
				t.Errorf("Parse(%q): more than one line: %v", s, err)
			}
			return
		}
		if got, err := Parse(Name(sig)); got != sig || err != nil {
			t.Errorf("Parse(%q) = %d, its name %q is read as %d, %v", s, int(sig), Name(sig), int(got), err)
		}
	})
}

// TestDie_asPID1 is where the kernel drops what Die sends: it must not wait for that.
func TestDie_asPID1(t *testing.T) {
	if os.Getenv("EV_TEST_DIE") != "" {
		Die(syscall.SIGTERM)
		t.Fatal("Die has returned")
	}
	if runtime.GOOS != "linux" {
		t.Skip("needs PID namespaces")
	}
	cmd := exec.CommandContext(t.Context(), "unshare", "-pf", os.Args[0], "-test.run=^"+t.Name()+"$")
	cmd.Env = append(os.Environ(), "EV_TEST_DIE=1")
	out, err := cmd.CombinedOutput()
	if err != nil && strings.Contains(string(out)+err.Error(), "unshare") {
		t.Skipf("needs a PID namespace: %v\n%s", err, out)
	}
	if got := cmd.ProcessState.ExitCode(); got != 128+int(syscall.SIGTERM) {
		t.Errorf("status %d\n%s", got, out)
	}
}
