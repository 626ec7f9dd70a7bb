package stat

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"testing"

	"github.com/evshell/ev/event"
	"github.com/evshell/ev/internal/looptest"
)

// plant makes a tree of directories, each with a file.
func plant(t *testing.T, root string, directories int) {
	t.Helper()
	for i := range directories {
		dir := filepath.Join(root, fmt.Sprintf("%d/%d", i%7, i))
		mkdir(t, dir)
		write(t, filepath.Join(dir, "file"), "x")
	}
}

func TestTree_helpFindsTheSame(t *testing.T) {
	root := t.TempDir()
	plant(t, root, 300)
	processors := runtime.GOMAXPROCS(0)
	defer runtime.GOMAXPROCS(processors)
	l := looptest.NewLoop(t)
	var found [2][]change
	for i := range found {
		runtime.GOMAXPROCS(1 + i) // one has no helper
		s, err := New(l, Options{Paths: []string{root}, Recursive: true}, func(event.Detail) {})
		check(t, err)
		check(t, s.Start())
		found[i] = s.tree.all()
		if want := 1 + 7 + 300 + 2; s.tree.watched < want { // and what is on the way
			t.Errorf("%d directories are watched, not %d", s.tree.watched, want)
		}
		s.Stop()
	}
	same := func(a, b change) bool { return a.path == b.path && a.now == b.now }
	if !slices.EqualFunc(found[0], found[1], same) || len(found[0]) != 1+7+2*300 {
		t.Errorf("%d alone, %d with help", len(found[0]), len(found[1]))
	}
}

func TestTree_armedWhileDirectoriesComeAndGo(t *testing.T) {
	root, away := t.TempDir(), t.TempDir()
	plant(t, root, 300)
	stop, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		for i := 0; ; i = (i + 1) % 300 {
			select {
			case <-stop:
				return
			default:
			}
			a := filepath.Join(root, fmt.Sprintf("%d/%d", i%7, i))
			b := filepath.Join(root, fmt.Sprintf("%d/%d", i%7, (i+7)%300))
			switch i % 3 {
			case 0:
				_ = os.Rename(a, filepath.Join(away, fmt.Sprint(i)))
				_ = os.Mkdir(a, 0o755)
			case 1:
				_ = os.Rename(a, a+"+")
				_ = os.Rename(b, a)
				_ = os.Rename(a+"+", b)
			case 2:
				_ = os.RemoveAll(a)
			}
		}
	}()
	w := watchFiles(t, Options{Paths: []string{root}, Recursive: true, Each: true, Initial: true, Ignore: all()})
	close(stop)
	<-ended
	checkTruth(t, w, filepath.Join(root, "none"), root)
}
