package cmd

import (
	"errors"

	"github.com/evshell/ev/cmd/usage"
	"github.com/evshell/ev/cmd/watchers"
	"github.com/evshell/ev/link"
)

// A dialed is a link where there is no loop: what it tells is told to who waits.
type dialed struct {
	link.Link
	posts chan func()
}

// dialLink opens a link, to be ended before the program is.
func (p *program) dialLink(o link.Options) (*dialed, error) {
	d := &dialed{posts: make(chan func(), 16)}
	o.Post = func(fn func()) { d.posts <- fn }
	var err error
	d.Link, err = p.Link(o, nil)
	return d, err
}

// await does something with the link, and waits until it is done. The error has the status of what
// could not be had now.
func (d *dialed) await(do func(done func(error))) error {
	over := false
	var err error
	do(func(e error) { over, err = true, e })
	for !over {
		(<-d.posts)()
	}
	if errors.Is(err, link.ErrAway) || link.NoRoom(err) {
		return &usage.ExitError{Status: usage.ExitTempFail, Err: err}
	}
	return watchers.LinkError(err)
}

// end has nobody wait for what is told from now on.
func (d *dialed) end() {
	go func() {
		for range d.posts {
		}
	}()
}
