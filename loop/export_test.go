package loop

// OnTurn has f called at the end of each turn.
func (l *Loop) OnTurn(f func()) { l.check = f }

// Turn is one turn that does not wait.
func (l *Loop) Turn() error {
	_, err := l.turn(RunNoWait)
	return err
}
