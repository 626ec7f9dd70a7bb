package stat

import (
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func TestCompare(t *testing.T) {
	base := file{ino: 1, dev: 2, size: 3, mtime: 4, nsec: 5, ctime: 6, mode: unix.S_IFREG | 0o644, nlink: 1}
	with := func(change func(*file)) file {
		f := base
		change(&f)
		return f
	}
	for _, tc := range []struct {
		name, want  string
		before, now file
	}{
		{"nothing", "", base, base},
		{"never there", "", file{}, file{}},
		{"appears", "created", file{}, base},
		{"vanishes", "removed", base, file{}},
		{"inode", "replaced", base, with(func(f *file) { f.ino++ })},
		{"device", "replaced", base, with(func(f *file) { f.dev++ })},
		{"type, the inode used again", "replaced", base, with(func(f *file) { f.mode = unix.S_IFDIR | 0o644 })},
		{"size", "content", base, with(func(f *file) { f.size = 0 })},
		{"seconds", "content", base, with(func(f *file) { f.mtime-- })},
		{"nanoseconds", "content", base, with(func(f *file) { f.nsec++ })},
		{"mode", "mode", base, with(func(f *file) { f.mode |= unix.S_ISUID })},
		{"user", "owner", base, with(func(f *file) { f.uid++ })},
		{"group", "owner", base, with(func(f *file) { f.gid++ })},
		{"links", "links", base, with(func(f *file) { f.nlink++ })},
		{"status alone", "", base, with(func(f *file) { f.ctime++ })},
		{"several", "replaced,content,mode", base, with(func(f *file) { f.ino++; f.size++; f.mode = unix.S_IFREG | 0o600 })},
	} {
		if got := strings.Join(compare(tc.before, tc.now).Names(), ","); got != tc.want {
			t.Errorf("%s: got %q, want %q", tc.name, got, tc.want)
		}
	}
}

func TestParseChanges(t *testing.T) {
	for list, want := range map[string]Changes{
		"created":         Created,
		"content,removed": Content | Removed,
		"mode,mode":       Mode,
		strings.Join(ChangeNames(), ","): Created | Removed | Moved | Replaced | Content | Mode | Owner |
			Links | Atime,
	} {
		if got, err := ParseChanges(list); err != nil || got != want {
			t.Errorf("%q: got %b, %v", list, got, err)
		}
	}
	for _, list := range []string{"", "size", "created,", "Created"} {
		if _, err := ParseChanges(list); err == nil {
			t.Errorf("%q is no error", list)
		}
	}
}

func TestMerge_onePathChangedTwiceInOneLook(t *testing.T) {
	a, b := file{ino: 1, mode: 1}, file{ino: 2, mode: 1}
	as := func(what Changes, before, now file) change {
		return change{path: "p", what: what, before: before, now: now}
	}
	for _, tc := range []struct {
		name string
		in   []change
		want string
	}{
		{"content, then removed", []change{as(Content, a, b), as(Removed, b, file{})}, "removed"},
		{"created, then content", []change{as(Created, file{}, a), as(Content, a, b)}, "created"},
		{"created, then removed", []change{as(Created, file{}, a), as(Removed, a, file{})}, "-"},
		{"removed, then created", []change{as(Removed, a, file{}), as(Created, file{}, b)}, "replaced"},
		{"mode, then content", []change{as(Mode, a, b), as(Content, b, a)}, "content,mode"},
	} {
		got := "-"
		if m := merge(tc.in); len(m) > 0 {
			got = strings.Join(m[0].what.Names(), ",")
		}
		if got != tc.want {
			t.Errorf("%s: got %s, want %s", tc.name, got, tc.want)
		}
	}
}
