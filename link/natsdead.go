package link

import (
	"context"
	"errors"
)

// Letters asks for one after the other.
func (l *natsLink) Letters(group string, then func([]Letter, error)) {
	l.goes(func() {
		var all []Letter
		for seq := uint64(1); ; {
			var m storedMessage
			err := l.soon(func(ctx context.Context) error {
				m = storedMessage{}
				return l.api(ctx, "STREAM.MSG.GET."+eventsStream, map[string]any{"seq": seq, "next_by_subj": deadOf(group)}, &m)
			})
			if isAPI(err, errNoMessage, errNoStream) {
				err = nil
			} else if err == nil {
				all = append(all, parseLetter(m.Message.Subject, m.Message.Data, m.Message.Seq, m.Message.Time))
				seq = m.Message.Seq + 1
				continue
			}
			l.post(func() { then(all, err) })
			return
		}
	})
}

// Remove stores it again, if it is to be, and removes it then: what is cut off between is stored
// once for all that.
func (l *natsLink) Remove(letter Letter, again bool, then func(error)) {
	l.goes(func() {
		var err error
		if again {
			m := letter.again()
			err = l.soon(func(ctx context.Context) error { return l.send(ctx, m.Subject, m.key(), m.Encode()) })
		}
		if err == nil {
			err = l.soon(func(ctx context.Context) error {
				err := l.api(ctx, "STREAM.MSG.DELETE."+eventsStream, map[string]any{"seq": letter.Seq, "no_erase": true}, nil)
				if isAPI(err, errNoMessage, errNoSequence, errNotDeleted) { // another one was faster
					return nil
				}
				return err
			})
		}
		l.post(func() { then(err) })
	})
}

// soon asks until there is an answer, for a person who waits for it.
func (l *natsLink) soon(ask func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(l.ctx, soonIn)
	defer cancel()
	err := l.until(ctx, func() error { return ask(ctx) })
	if errors.Is(err, context.DeadlineExceeded) {
		return ErrAway
	}
	return err
}
