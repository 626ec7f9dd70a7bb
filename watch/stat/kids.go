package stat

import (
	"cmp"
	"iter"
	"slices"
)

// kids are the entries of a directory, sorted by name: a B+ tree, in which a directory that is not
// large has one leaf, a slice. So a name that comes or goes costs no more in a directory of 100,000
// than in one of a thousand.
type kids struct {
	entries []entry // of a leaf
	nodes   []kids  // of what is no leaf; none is empty
}

// maxKids is how many entries, or nodes, a node has.
const maxKids = 128

// of makes kids of entries that are sorted, which it copies.
func kidsOf(list []entry) kids {
	if len(list) <= maxKids {
		return kids{entries: append(make([]entry, 0, len(list)), list...)}
	}
	var level []kids
	for some := range slices.Chunk(list, maxKids/2) { // with room to grow
		level = append(level, kids{entries: append(make([]entry, 0, maxKids), some...)})
	}
	for len(level) > maxKids {
		var above []kids
		for some := range slices.Chunk(level, maxKids/2) {
			above = append(above, kids{nodes: append(make([]kids, 0, maxKids), some...)})
		}
		level = above
	}
	return kids{nodes: level}
}

// all yields the entries in their order. Meanwhile none may come or go.
func (k *kids) all() iter.Seq[*entry] {
	return func(yield func(*entry) bool) { k.each(yield) }
}

func (k *kids) each(yield func(*entry) bool) bool {
	for i := range k.entries {
		if !yield(&k.entries[i]) {
			return false
		}
	}
	for i := range k.nodes {
		if !k.nodes[i].each(yield) {
			return false
		}
	}
	return true
}

func (k *kids) len() int {
	n := len(k.entries)
	for i := range k.nodes {
		n += k.nodes[i].len()
	}
	return n
}

func (k *kids) isEmpty() bool { return len(k.entries) == 0 && len(k.nodes) == 0 }

// first is the least name in it.
func (k *kids) first() string {
	for k.nodes != nil {
		k = &k.nodes[0]
	}
	return k.entries[0].name
}

// at returns which of the nodes has a name, if any has.
func (k *kids) at(name string) int {
	i, found := slices.BinarySearchFunc(k.nodes, name, func(n kids, name string) int { return cmp.Compare(n.first(), name) })
	if !found {
		i = max(i-1, 0)
	}
	return i
}

func (k *kids) index(name string) (int, bool) {
	return slices.BinarySearchFunc(k.entries, name, func(e entry, name string) int { return cmp.Compare(e.name, name) })
}

// find returns a name's entry, or nil. It is valid until one comes or goes.
func (k *kids) find(name string) *entry {
	for k.nodes != nil {
		k = &k.nodes[k.at(name)]
	}
	if i, ok := k.index(name); ok {
		return &k.entries[i]
	}
	return nil
}

// insert adds an entry, whose name is not there yet.
func (k *kids) insert(e entry) {
	if more, full := k.add(e); full {
		*k = kids{nodes: []kids{*k, more}}
	}
}

// add adds an entry. A node that is full gives half of what it has to another one.
func (k *kids) add(e entry) (more kids, full bool) {
	if k.nodes == nil {
		i, _ := k.index(e.name)
		k.entries = slices.Insert(k.entries, i, e)
		if full = len(k.entries) > maxKids; full {
			k.entries, more.entries = halve(k.entries)
		}
		return more, full
	}
	i := k.at(e.name)
	if half, full := k.nodes[i].add(e); full {
		k.nodes = slices.Insert(k.nodes, i+1, half)
	}
	if full = len(k.nodes) > maxKids; full {
		k.nodes, more.nodes = halve(k.nodes)
	}
	return more, full
}

func halve[T any](list []T) (first, second []T) {
	half := len(list) / 2
	second = append(make([]T, 0, maxKids), list[half:]...)
	clear(list[half:])
	return list[:half], second
}

// remove takes a name out, if it is there.
func (k *kids) remove(name string) {
	if k.nodes == nil {
		if i, ok := k.index(name); ok {
			k.entries = slices.Delete(k.entries, i, i+1)
		}
		return
	}
	i := k.at(name)
	if k.nodes[i].remove(name); k.nodes[i].isEmpty() {
		k.nodes = slices.Delete(k.nodes, i, i+1)
	}
	if len(k.nodes) == 1 {
		*k = k.nodes[0]
	}
}
