package nearest

import (
	"slices"
	"testing"
)

func TestOf(t *testing.T) {
	commands := []string{"watch-fd", "timer", "every", "on-signal", "on-exit", "stat", "on-http", "run"}
	flags := []string{"json", "once", "no-ignore-vcs", "no-ignore", "recursive", "repeat"}
	zones := []string{"Europe/Berlin", "Europe/Dublin", "America/New_York"}
	tests := []struct {
		word       string
		candidates []string
		want       string
	}{
		{"timr", commands, "timer"},       // a letter missing
		{"tiemr", commands, "timer"},      // two swapped
		{"statt", commands, "stat"},       // one too many
		{"evary", commands, "every"},      // another one
		{"STAT", commands, "stat"},        // case
		{"on-", commands, "on-exit"},      // a prefix: the shortest, of these the first
		{"jsno", flags, "json"},           // two swapped at the end
		{"no-ign", flags, "no-ignore"},    // a prefix beyond the limit
		{"recusrvie", flags, "recursive"}, // two swaps
		{"europe/berlin", zones, "Europe/Berlin"},
		{"Europe/Brelni", zones, "Europe/Berlin"},
		{"America/NewYork", zones, "America/New_York"},
		{"Europe/Munich", zones, ""},
		{"frobnicate", commands, ""},
		{"xy", commands, ""},
		{"t", commands, ""},
		{"", commands, ""},
		{"timer", nil, ""},
	}
	for _, tt := range tests {
		got, ok := Of(tt.word, slices.Values(tt.candidates))
		if got != tt.want || ok != (tt.want != "") {
			t.Errorf("Of(%q) = %q, %v; want %q", tt.word, got, ok, tt.want)
		}
	}
}

func TestDistance(t *testing.T) {
	tests := []struct {
		a, b string
		want int
	}{
		{"", "", 0},
		{"", "abc", 3},
		{"abc", "", 3},
		{"abc", "abc", 0},
		{"abc", "acb", 1},
		{"ca", "abc", 3}, // optimal string alignment: no edit inside a swap
		{"kitten", "sitting", 3},
		{"Zürich", "Zurich", 1}, // letters, not bytes
	}
	for _, tt := range tests {
		if got := distance([]rune(tt.a), []rune(tt.b)); got != tt.want {
			t.Errorf("distance(%q, %q) = %d, want %d", tt.a, tt.b, got, tt.want)
		}
		if got := distance([]rune(tt.b), []rune(tt.a)); got != tt.want {
			t.Errorf("distance(%q, %q) = %d, want %d", tt.b, tt.a, got, tt.want)
		}
	}
}
