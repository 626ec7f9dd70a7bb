package stat

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

// steps is how many entries and nodes are at most passed or moved for one name to come or go.
func (k *kids) steps() int {
	most := 0
	for i := range k.nodes {
		most = max(most, k.nodes[i].steps())
	}
	return most + len(k.entries) + len(k.nodes)
}

// TestKids_cost: in a directory of 100,000 entries a name that comes or goes costs about what it
// does in one of a thousand, wherever it sorts.
func TestKids_cost(t *testing.T) {
	const many, limit = 100_000, 3 * maxKids
	list := make([]entry, many)
	for i := range list {
		list[i].name = fmt.Sprintf("m%06d", i)
	}
	k := kidsOf(list)
	costs := func(when string) {
		t.Helper()
		if n := k.steps(); n > limit {
			t.Fatalf("%s: %d steps", when, n)
		}
	}
	costs("as it was read")
	for i := range 2000 {
		k.insert(entry{name: fmt.Sprintf("a%06d", i)})
		k.insert(entry{name: fmt.Sprintf("z%06d", i)})
		if i%100 == 0 {
			costs("while more come")
		}
	}
	for i, e := range list {
		k.remove(e.name)
		if i%10_000 == 0 {
			costs("while all go")
		}
	}
	if n := k.len(); n != 4000 || k.find("a000000") == nil || k.find("m000000") != nil {
		t.Errorf("%d are left", n)
	}
}

// TestKids_areAMap in order, however they come and go.
func TestKids_areAMap(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	var k kids
	model := map[string]bool{}
	for i := range 20_000 {
		name := fmt.Sprint(r.IntN(3000))
		switch here := k.find(name) != nil; {
		case here != model[name]:
			t.Fatalf("%s: found: %v", name, here)
		case r.IntN(5) < 2+i/4000%2: // it grows and shrinks in turn
			k.remove(name)
			delete(model, name)
		case !here:
			k.insert(entry{name: name})
			model[name] = true
		}
		if i%500 == 0 {
			var list []entry
			for e := range k.all() {
				list = append(list, *e)
			}
			inOrder := slices.IsSortedFunc(list, func(a, b entry) int { return map[bool]int{true: -1, false: 1}[a.name < b.name] })
			if len(list) != len(model) || k.len() != len(list) || !inOrder {
				t.Fatalf("%d entries, %d are to be; in order: %v", len(list), len(model), inOrder)
			}
			if r.IntN(4) == 0 {
				k = kidsOf(list)
			}
		}
	}
	for name := range model {
		k.remove(name)
	}
	if !k.isEmpty() {
		t.Error("something is left")
	}
}
