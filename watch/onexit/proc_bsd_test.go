//go:build darwin || freebsd || netbsd || openbsd

package onexit

import "testing"

func TestParsePS(t *testing.T) {
	all := parsePS("    1 Mon Nov 23 08:51:15 2026 /sbin/launchd\n  4711 Tue Dec  1 23:00:01 2026 My App\n\nrubbish\n")
	if len(all) != 2 || all[1].name != "launchd" || all[4711].name != "My App" || all[4711].began.Day() != 1 || all[1].id == all[4711].id {
		t.Errorf("%+v", all)
	}
}
