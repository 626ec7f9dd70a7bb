package link

// Letters reads the spool.
func (l *fileLink) Letters(group string, then func([]Letter, error)) {
	l.work.Go(func() {
		events, err := l.opened()
		var all []Letter
		if err == nil {
			for _, seq := range events.list() {
				e, err := events.read(seq)
				if err == nil && subjectMatches(deadOf(group), e.Subject) {
					all = append(all, parseLetter(e.Subject, e.Body, seq, e.Time))
				}
			}
		}
		l.post(func() { then(all, err) })
	})
}

// Remove stores it again, if it is to be, and removes it then.
func (l *fileLink) Remove(letter Letter, again bool, then func(error)) {
	l.work.Go(func() {
		events, err := l.opened()
		if err == nil && again {
			err = l.publish(events, letter.again())
		}
		if err == nil {
			err = events.remove(letter.Seq)
		}
		l.post(func() { then(err) })
	})
}
