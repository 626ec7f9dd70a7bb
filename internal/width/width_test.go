package width

import "testing"

func TestString(t *testing.T) {
	for text, want := range map[string]int{
		"":             0,
		"build":        5,
		"bücher":       6,
		"bu\u0308cher": 6, // decomposed
		"日本語":          6,
		"한국":           4,
		"ｗｉｄｅ":         8,
		"🚀 up":         5,
		"👩‍💻 up":       5, // a woman, a joiner, a laptop
		"👍🏽":           2, // of a colour
		"🇪🇺":           2, // the letters E and U
		"❤":            1,
		"❤️":           2, // as an emoji
		"1️⃣":          2,
		"a\u200bb":     2,
		"×…":           2,
		"\xff":         1,
	} {
		if got := String(text); got != want {
			t.Errorf("%q: %d columns, want %d", text, got, want)
		}
	}
}

func TestCut(t *testing.T) {
	for _, tt := range []struct {
		text    string
		columns int
		want    string
	}{
		{"build", 5, "build"},
		{"build", 3, "bui"},
		{"build", 0, ""},
		{"日本語", 4, "日本"},
		{"日本語", 5, "日本"}, // half a character is none
		{"u\u0308x", 1, "u\u0308"},
		{"👩‍💻👩‍💻", 3, "👩‍💻"}, // and no half of the second
		{"👩‍💻", 1, ""},
		{"日", -1, ""},
	} {
		if got := Cut(tt.text, tt.columns); got != tt.want {
			t.Errorf("%q on %d columns: %q, want %q", tt.text, tt.columns, got, tt.want)
		}
	}
}
