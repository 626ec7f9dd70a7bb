package cmd

import (
	"runtime/debug"
	"testing"
)

func TestBuildOf(t *testing.T) {
	const commit = "17e74f1d5e0b0ac3c3a2d1c0a4a9c7b8e6f5d4c3"
	checkout := func(modified string) []debug.BuildSetting {
		return []debug.BuildSetting{
			{Key: "vcs.revision", Value: commit},
			{Key: "vcs.time", Value: "2026-11-29T09:09:00Z"},
			{Key: "vcs.modified", Value: modified},
		}
	}
	for _, tt := range []struct {
		name, version, release string
		settings               []debug.BuildSetting
		want                   build
	}{
		{"nothing is known", "", "", nil, build{"(devel)", "unknown", "unknown"}},
		{"of a directory", "(devel)", "", nil, build{"(devel)", "unknown", "unknown"}},
		{"go install of a tag", "v0.1.0", "", nil, build{"0.1.0", "unknown", "unknown"}},
		{
			"go install of a commit", "v0.0.0-20261129090900-17e74f1d5e0b", "", nil,
			build{"0.0.0-20261129090900-17e74f1d5e0b", "17e74f1d5e0b", "2026-11-29T09:09:00Z"},
		},
		{
			"go install of a commit after a tag", "v0.1.1-0.20261129090900-17e74f1d5e0b", "", nil,
			build{"0.1.1-0.20261129090900-17e74f1d5e0b", "17e74f1d5e0b", "2026-11-29T09:09:00Z"},
		},
		{"a checkout of a tag", "v0.1.0", "", checkout("false"), build{"0.1.0", commit, "2026-11-29T09:09:00Z"}},
		{
			"a checkout with changes", "v0.1.1-0.20261129090900-17e74f1d5e0b+dirty", "", checkout("true"),
			build{"0.1.1-0.20261129090900-17e74f1d5e0b+dirty", commit + ", and changes that are not committed", "2026-11-29T09:09:00Z"},
		},
		{"an archive of the sources", "(devel)", "v0.1.0", nil, build{"0.1.0", "unknown", "unknown"}},
		{"a version that was asked for counts", "v0.1.0", "9.9.9", nil, build{"0.1.0", "unknown", "unknown"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			info := &debug.BuildInfo{Main: debug.Module{Version: tt.version}, Settings: tt.settings}
			if got := buildOf(info, tt.release); got != tt.want {
				t.Errorf("%+v, not %+v", got, tt.want)
			}
		})
	}
}
