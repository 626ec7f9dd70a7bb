package ignore

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"testing"
)

// The patterns of a usual web and Python repository.
const usual = `# dependencies
/node_modules
/.pnp
.pnp.js
**/vendor/
# testing
/coverage
*.cover
.pytest_cache/
# builds
/build/
/dist/
/out/
*.o
*.so
*.py[cod]
__pycache__/
*.egg-info/
target/
!docs/target/
docs/_build/**
# noise
.DS_Store
*.pem
npm-debug.log*
yarn-error.log*
.env*.local
*.sw?
*~
.idea/
.vscode/*
!.vscode/settings.json
/tmp/**/*.log
`

func repository(b *testing.B) *Matcher {
	b.Helper()
	b.Setenv("GIT_CONFIG_GLOBAL", os.DevNull)
	top := b.TempDir()
	for dir, rules := range map[string]string{"": usual, "web": usual, "web/app": "/generated\n*.gen.go\n"} {
		if err := os.MkdirAll(filepath.Join(top, dir), 0o755); err != nil {
			b.Fatal(err)
		}
		write(b, filepath.Join(top, dir, ".gitignore"), rules)
	}
	if err := os.Mkdir(filepath.Join(top, ".git"), 0o755); err != nil {
		b.Fatal(err)
	}
	m, err := New(top, Options{})
	if err != nil {
		b.Fatal(err)
	}
	return m
}

func BenchmarkMatch(b *testing.B) {
	for _, path := range []string{"main.go", "web/app/src/components/button/index.tsx", "web/app/src/index.gen.go", "node_modules/left-pad/index.js"} {
		b.Run(path, func(b *testing.B) {
			m := repository(b)
			b.ReportAllocs()
			for b.Loop() {
				m.Match(path, false)
			}
		})
	}
}

// A tree of 20,000 directories, none with ignore files: what the first look at each costs, and what
// is kept of it.
func BenchmarkMatch_plainDirectories(b *testing.B) {
	b.Setenv("GIT_CONFIG_GLOBAL", os.DevNull)
	top := b.TempDir()
	var dirs []string
	for i := range 200 {
		for j := range 100 {
			dirs = append(dirs, fmt.Sprintf("package%03d/directory%02d", i, j))
		}
	}
	for _, dir := range append(dirs, ".git") {
		if err := os.MkdirAll(filepath.Join(top, dir), 0o755); err != nil {
			b.Fatal(err)
		}
	}
	heap := func() uint64 {
		var stats runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&stats)
		return stats.HeapAlloc
	}
	for _, listed := range []bool{true, false} {
		b.Run(fmt.Sprint("listed=", listed), func(b *testing.B) {
			before := heap()
			var m *Matcher
			for b.Loop() {
				m, _ = New(top, Options{})
				for _, dir := range dirs {
					if listed {
						m.Match(dir, true)
						m.Enter(dir, nil)
					}
					m.Match(dir+"/file", false)
				}
			}
			b.ReportMetric(float64(heap()-before)/float64(len(dirs)), "B/dir")
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(dirs)), "ns/dir")
			runtime.KeepAlive(m)
		})
	}
}
