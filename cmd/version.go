package cmd

import (
	"cmp"
	"fmt"
	"regexp"
	"runtime"
	"runtime/debug"
	"strings"
	"time"

	"github.com/evshell/ev/loop"
)

// release is the version of a build that has none of its own: one that is made from an archive of
// the sources, without git and without the module proxy. Packagers set it, by
// -ldflags '-X github.com/evshell/ev/cmd.release=0.1.0'.
var release string //nolint:gochecknoglobals // the linker can set nothing else

// version tells what this program is, as the build recorded it.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		info = &debug.BuildInfo{}
	}
	b := buildOf(info, release)
	return fmt.Sprintf("ev %s\ncommit: %s\ndate: %s\ngo: %s %s/%s\nbackends: %s\n", b.version, b.commit, b.date,
		runtime.Version(), runtime.GOOS, runtime.GOARCH, strings.Join(loop.Backends(), " "))
}

// A build is what ev was built from.
type build struct{ version, commit, date string }

// buildOf reads what the go command recorded: the version by which the module was asked for, or,
// of a build in a checkout, the tag and the commit. The version of a commit without a tag
// tells the commit and its time, too (https://go.dev/ref/mod#pseudo-versions).
func buildOf(info *debug.BuildInfo, release string) build {
	pseudo := regexp.MustCompile(`[-.](\d{14})-([0-9a-f]{12})(\+|$)`)
	b := build{version: info.Main.Version}
	if b.version == "" || b.version == "(devel)" {
		b.version = cmp.Or(release, "(devel)")
	}
	b.version = strings.TrimPrefix(b.version, "v")
	modified := false
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			b.commit = s.Value
		case "vcs.time":
			b.date = s.Value
		case "vcs.modified":
			modified = s.Value == "true"
		}
	}
	if m := pseudo.FindStringSubmatch(b.version); m != nil && b.commit == "" {
		b.commit = m[2]
		if at, err := time.Parse("20060102150405", m[1]); err == nil {
			b.date = at.Format(time.RFC3339)
		}
	}
	b.commit, b.date = cmp.Or(b.commit, "unknown"), cmp.Or(b.date, "unknown")
	if modified {
		b.commit += ", and changes that are not committed"
	}
	return b
}
