package watchers

import (
	"math"
	"testing"
)

func TestSizeValue(t *testing.T) {
	for s, want := range map[string]int{
		"1": 1, "4096": 4096, "4096b": 4096, "64k": 64 << 10, "64KiB": 64 << 10, "1M": 1 << 20, "1MiB": 1 << 20,
		"1g": 1 << 30, "2147483647": math.MaxInt32,
		"": 0, "0": 0, "-1": 0, "1.5k": 0, "1kk": 0, "k": 0, "2g": 0, "2147483648": 0, "1kb": 0, "1 k": 0,
	} {
		n := 0
		err := sizeValue{&n}.Set(s)
		if (err == nil) != (want != 0) || err == nil && n != want {
			t.Errorf("%q: %d %v, want %d", s, n, err, want)
		}
		if want == 0 {
			continue
		}
		again := 0
		if text := (sizeValue{&n}).String(); (sizeValue{&again}).Set(text) != nil || again != n {
			t.Errorf("%d is written %q, which is read as %d", n, text, again)
		}
	}
}
