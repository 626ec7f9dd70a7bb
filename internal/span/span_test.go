package span

import (
	"math"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/evshell/ev/internal/diag"
)

// TestVectors reads what systemd, Go and sleep(1) make of a text. Go's answer comes first, since it
// has nanoseconds.
func TestVectors(t *testing.T) {
	data, err := os.ReadFile("testdata/timespan.tsv")
	if err != nil {
		t.Fatal(err)
	}
	sleepOnly := map[string]time.Duration{"1e3s": 1000 * time.Second}
	noFixedLength := []string{"1y 12month", "1M", "1month", "1y", "1year"}
	for line := range strings.Lines(string(data)) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		f := strings.Split(strings.TrimRight(line, "\r\n"), "\t")
		text, systemd, golang := f[0], f[1], f[2]
		var want time.Duration
		switch ns, err := strconv.ParseInt(golang, 10, 64); {
		case err == nil && ns >= 0:
			want = time.Duration(ns)
		case slices.Contains(noFixedLength, text):
			want = -1
		default:
			us, err := strconv.ParseInt(systemd, 10, 64)
			want = time.Duration(us) * time.Microsecond
			if err != nil {
				want = -1
			}
			if d, ok := sleepOnly[text]; ok {
				want = d
			}
		}
		got, err := Parse(text)
		switch {
		case want < 0 && err == nil:
			t.Errorf("Parse(%q) = %v, want it refused", text, got)
		case want >= 0 && (err != nil || got != want):
			t.Errorf("Parse(%q) = %v, %v, want %v", text, got, err, want)
		}
	}
}

func TestParseReads(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"1e-2":                   10 * time.Millisecond,
		"1.5e1m":                 15 * time.Minute,
		"5e":                     -1,
		"1e+3ms":                 time.Second,
		"2E":                     -1,
		"0e99999999999":          0,
		"1e-999":                 1,
		"0.2ns":                  1,
		"0.0e3":                  0,
		"5s 0.2ns":               5 * time.Second,
		"100μs":                  100 * time.Microsecond,
		"1week 2days":            9 * day,
		"P1W":                    week,
		"P1DT12H":                36 * time.Hour,
		"PT1H30M":                90 * time.Minute,
		"PT0.5S":                 500 * time.Millisecond,
		"1.9999999999s":          1999999999,
		"9223372036854775806ns":  Inf - 1,
		"106751d23h47m16.8547s":  106751*day + 23*time.Hour + 47*time.Minute + 16854700*time.Microsecond,
		"0.1w":                   week / 10,
		"0.0000000000000000001w": 1,
	} {
		got, err := Parse(text)
		if want < 0 {
			if err == nil {
				t.Errorf("Parse(%q) = %v, want it refused", text, got)
			}
		} else if got != want || err != nil {
			t.Errorf("Parse(%q) = %v, %v, want %v", text, got, err, want)
		}
	}
}

func TestParseRefusesWithReason(t *testing.T) {
	for text, reason := range map[string]string{
		"":                        "it is empty",
		"-5s":                     "cannot be negative",
		"1h-5m":                   "a number is missing",
		"NaN":                     "not a number",
		"inf":                     "inf is not possible here",
		"3mo":                     "a month has no fixed length",
		"P1M":                     "a month has no fixed length",
		"P1Y":                     "a year has no fixed length",
		"P":                       "PT1H30M",
		"P1DT":                    "PT1H30M",
		"P1":                      "out of YMWD is missing",
		"PT1H1H":                  "out of place",
		"PT":                      "PT1H30M",
		"PTH":                     "a number is missing",
		"P9e9W":                   "292 years",
		"PT1D":                    "out of place",
		"5S":                      "lower case",
		"5:30":                    "5m30s",
		"1,5s":                    "a point",
		"5 5":                     "only the last number",
		"1.5.5":                   "only the last number",
		"5x":                      `unknown unit "x"`,
		"9223372036854775807ns":   "292 years",
		"1e999":                   "292 years",
		strings.Repeat("1s", 1e6): "longer than 1000 bytes",
	} {
		_, err := Parse(text)
		if err == nil || !strings.Contains(err.Error(), reason) {
			t.Errorf("Parse(%.50q): %v, want it to say %q", text, err, reason)
		} else if len(err.Error()) > 200 || strings.Contains(err.Error(), "\n") {
			t.Errorf("Parse(%.50q): not a short line: %v", text, err)
		}
	}
}

func TestParseKnowsThePlace(t *testing.T) {
	for text, want := range map[string]int{
		"":                        0,
		"-5s":                     0,
		"3x":                      1,
		"1h7x":                    3,
		" 1h  7 x":                7,
		"+1h7x":                   4,
		"5S":                      1,
		"1h-5m":                   2,
		"5:30":                    1,
		"5 5":                     2,
		"1h .m":                   3,
		"1s 9223372036854775807h": 3,
		"3mo":                     1,
		"P1W2M":                   4,
		"P1":                      2,
		"P1XT5S":                  2,
		"P1DT1M1X":                7,
		"PT1H9e9W":                7,
		"PT1M9e99S":               4,
		"P1W9e9W":                 6,
	} {
		if _, err := Parse(text); err == nil || diag.Offset(err) != want {
			t.Errorf("%q: at %d, want %d: %v", text, diag.Offset(err), want, err)
		}
	}
}

func TestParseLimitTakesInf(t *testing.T) {
	for text, want := range map[string]time.Duration{"inf": Inf, "infinity": Inf, "Inf": Inf, "10s": 10 * time.Second} {
		if got, err := ParseLimit(text); got != want || err != nil {
			t.Errorf("ParseLimit(%q) = %v, %v, want %v", text, got, err, want)
		}
	}
}

func TestSumAddsAsSleepDoes(t *testing.T) {
	if got, err := Sum([]string{"1m", "30s"}); got != 90*time.Second || err != nil {
		t.Errorf("Sum = %v, %v, want 1m30s", got, err)
	}
	if _, err := Sum([]string{"1m", "x"}); err == nil {
		t.Error("a faulty operand was accepted")
	}
	if got, err := Sum([]string{"200w", "290000d", "9223372036s"}); err == nil {
		t.Errorf("Sum overflowed to %v", got)
	}
}

func TestDaysAreCountedOnlyWhenWritten(t *testing.T) {
	for text, want := range map[string]int{
		"1d": 1, "2w": 14, "1w 3days": 10, "P1D": 1, "0.5w": 0, "1.5d": 0, "24h": 0, "1d12h": 0, "1d24h": 0, "0d": 0, "x": 0,
	} {
		if n, ok := Days(text); n != want || ok != (want > 0) {
			t.Errorf("Days(%q) = %d, %v, want %d", text, n, ok, want)
		}
	}
}

func TestFormat(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0:                                   "0s",
		1:                                   "1ns",
		1500:                                "1.5us",
		500 * time.Millisecond:              "500ms",
		2500 * time.Millisecond:             "2.5s",
		90 * time.Minute:                    "1h30m",
		time.Hour + 500*time.Millisecond:    "1h0.5s",
		36 * time.Hour:                      "1d12h",
		week:                                "7d",
		-90 * time.Second:                   "-1m30s",
		math.MinInt64:                       "-106751d23h47m16.854775808s",
		Inf:                                 "inf",
		time.Hour + time.Nanosecond:         "1h0.000000001s",
		59*time.Second + 5*time.Microsecond: "59.000005s",
	} {
		if got := Format(d); got != want {
			t.Errorf("Format(%d) = %q, want %q", d, got, want)
		}
	}
}

func TestAppendAllocatesNothing(t *testing.T) {
	b := make([]byte, 0, 64)
	if n := testing.AllocsPerRun(100, func() { b = Append(b[:0], 90*time.Minute+time.Nanosecond) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func FuzzFormatIsReadBack(f *testing.F) {
	f.Add(int64(0))
	f.Add(int64(90 * time.Minute))
	f.Add(int64(math.MaxInt64))
	f.Fuzz(func(t *testing.T, n int64) {
		d := time.Duration(n & math.MaxInt64)
		if got, err := ParseLimit(Format(d)); got != d || err != nil {
			t.Errorf("ParseLimit(%q) = %v, %v, want %d", Format(d), got, err, d)
		}
	})
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"5", "1h 30min", "PT1H30M", "P1W", "1e-2", "inf", ".5s", "1M"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		d, err := Parse(s)
		if d < 0 || d == Inf || err != nil && d != 0 {
			t.Errorf("Parse(%q) = %d, %v", s, d, err)
		}
		if n, ok := Days(s); ok && time.Duration(n)*day != d {
			t.Errorf("Days(%q) = %d, Parse says %v", s, n, d)
		}
	})
}
