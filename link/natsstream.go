package link

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"
)

// The streams of ev's own, and the subjects of its own that they do not take.
const (
	eventsStream  = "ev"
	locksStream   = "ev-locks"
	eventsSubject = "ev.>"
	lockSubjects  = "_EV.lock."
	spareSubjects = "_EV.spare." // tries of a message that do not count
	noticePrefix  = "_EV.notice."
	replyPrefix   = "_EV.reply."
)

type streamConfig struct {
	Name        string        `json:"name"`
	Subjects    []string      `json:"subjects"`
	Retention   string        `json:"retention"`
	Storage     string        `json:"storage"`
	Discard     string        `json:"discard"`
	Consumers   int           `json:"max_consumers"`
	Messages    int64         `json:"max_msgs"`
	PerSubject  int64         `json:"max_msgs_per_subject"`
	Bytes       int64         `json:"max_bytes"`
	Age         time.Duration `json:"max_age"`
	MessageSize int32         `json:"max_msg_size"`
	Replicas    int           `json:"num_replicas"`
	Window      time.Duration `json:"duplicate_window"`
}

type streamAnswer struct {
	TS      time.Time `json:"ts"`
	Created time.Time `json:"created"`
	State   struct {
		Messages uint64 `json:"messages"`
		First    uint64 `json:"first_seq"`
		Last     uint64 `json:"last_seq"`
	} `json:"state"`
}

func ownStream(name string) streamConfig {
	c := streamConfig{
		Name: name, Subjects: []string{eventsSubject}, Retention: "limits", Storage: "file", Discard: "old",
		Consumers: -1, Messages: -1, PerSubject: -1, Bytes: keepBytes, Age: keepFor, MessageSize: -1,
		Replicas: 3, Window: knownFor,
	}
	if name == locksStream {
		c.Subjects = []string{lockSubjects + ">", spareSubjects + ">"}
		c.PerSubject, c.Bytes, c.Age, c.Window = 1, -1, 0, 2*time.Minute
	}
	return c
}

// ensure makes a stream of ev's own, if it is not there. It is made with three replicas where there
// are three servers.
func (l *natsLink) ensure(ctx context.Context, name string) error {
	l.mu.Lock()
	made := l.streams[name]
	l.mu.Unlock()
	if made {
		return nil
	}
	_, err := l.streamState(ctx, name)
	if isAPI(err, errNoStream) {
		c := ownStream(name)
		if l.nc.ConnectedClusterName() == "" {
			c.Replicas = 1
		}
		err = l.api(ctx, "STREAM.CREATE."+name, c, nil)
		if isAPI(err, errNoPeers, errNotClustered) {
			if err = errors.New("fewer servers are there than the cluster has"); len(l.nc.Servers()) < 3 {
				c.Replicas = 1
				err = l.api(ctx, "STREAM.CREATE."+name, c, nil)
			}
		}
	}
	if err == nil {
		l.mu.Lock()
		l.streams[name] = true
		l.mu.Unlock()
	}
	if e, ok := errors.AsType[*apiError](err); ok && !passes(err) {
		return faultf("%s: the stream %s can't be used: %v", l.name(), name, e)
	}
	return err
}

// onStream asks something about a stream until there is an answer. One of ev's own is made if it is
// not there.
func (l *natsLink) onStream(ctx context.Context, name string, ask func() error) error {
	return l.until(ctx, func() error {
		if isOwn(name) {
			if err := l.ensure(ctx, name); err != nil {
				return err
			}
		}
		return l.notYet(name, ask())
	})
}

var errNotYet = errors.New("the stream is not there yet")

// forget has ensure look again: a stream may have been removed.
func (l *natsLink) forget(name string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.streams, name)
}

// streamState asks for a stream, and hears the server's time by the way.
func (l *natsLink) streamState(ctx context.Context, name string) (a streamAnswer, err error) {
	asked := time.Now()
	err = l.api(ctx, "STREAM.INFO."+name, nil, &a)
	if err == nil {
		l.heard(asked, a.TS)
	}
	return a, err
}

// notYet is err, but if it says that a stream of ev's own is not there any more: that passes. Some
// servers of a cluster hear of it later, and one that was removed is made anew.
func (l *natsLink) notYet(name string, err error) error {
	if !isOwn(name) || !isAPI(err, errNoStream) {
		return err
	}
	l.forget(name)
	return errNotYet
}

func isOwn(stream string) bool { return stream == eventsStream || stream == locksStream }

// streamsOf returns the streams that take a subject, or some of those that a filter means. The one
// of ev's own is made if need be.
func (l *natsLink) streamsOf(ctx context.Context, subject string) ([]string, error) {
	if subject == "ev" || strings.HasPrefix(subject, "ev.") {
		return []string{eventsStream}, l.ensure(ctx, eventsStream)
	}
	var found struct {
		Streams []string `json:"streams"`
	}
	if err := l.api(ctx, "STREAM.NAMES", map[string]string{"subject": subject}, &found); err != nil {
		return nil, err
	}
	streams := slices.DeleteFunc(found.Streams, func(name string) bool {
		return name == locksStream || strings.HasPrefix(name, "KV_") || strings.HasPrefix(name, "OBJ_")
	})
	if len(streams) == 0 {
		return nil, faultf("no stream takes %s: use a subject that begins with ev., or make one: nats stream add --subjects '%[1]s'", subject)
	}
	return streams, nil
}

// Check tells what can't be had.
func (l *natsLink) Check(need Need, then func(error)) {
	told := make(chan struct{})
	l.mu.Lock()
	before := l.checked
	l.checked = told
	l.mu.Unlock()
	l.goes(func() {
		defer close(told)
		ctx, cancel := context.WithTimeout(l.ctx, tellAway)
		defer cancel()
		err := l.until(ctx, func() error { return l.check(ctx, need) })
		if errors.Is(err, context.DeadlineExceeded) {
			err = nil // who needs it waits for it
		}
		l.post(func() { then(err) })
		await(l.ctx, before)
	})
}

func (l *natsLink) check(ctx context.Context, need Need) error {
	for _, lock := range need.Locks {
		if err := l.ensure(ctx, locksStream); err != nil {
			return err
		}
		k := l.keeper(lock)
		k.listen()
		if _, _, err := k.load(ctx); err != nil {
			return err
		}
	}
	for _, s := range need.Subjects {
		if _, err := l.streamsOf(ctx, s); err != nil {
			return err
		}
	}
	return nil
}

// checks is closed when all that was to be checked is told.
func (l *natsLink) checks() <-chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.checked
}

func await(ctx context.Context, c <-chan struct{}) {
	select {
	case <-c:
	case <-ctx.Done():
	}
}
