package link

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
)

// wait lets a while pass, unless ctx ends.
func wait(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

// request asks once, within the limit of a request.
func (l *natsLink) request(ctx context.Context, m *nats.Msg) (*nats.Msg, error) {
	ctx, cancel := context.WithTimeout(ctx, answerIn)
	defer cancel()
	return l.nc.RequestMsgWithContext(ctx, m)
}

// An apiError is an answer of JetStream's that is none.
type apiError struct {
	Code        int    `json:"code"`
	ErrCode     int    `json:"err_code"`
	Description string `json:"description"`
}

func (e *apiError) Error() string { return fmt.Sprintf("%s (%d)", e.Description, e.ErrCode) }

// The error codes of JetStream that make a difference.
const (
	errNoPeers        = 10005 // there are fewer servers than replicas
	errNotClustered   = 10074
	errNoConsumer     = 10014
	errNoMessage      = 10037
	errNoSequence     = 10043
	errNotDeleted     = 10057 // for one, since it is not there
	errNoStream       = 10059
	errWrongSequence  = 10071
	errWrongSequence2 = 10164 // the same, of newer servers
	errInProcess      = 10158 // the same id is being stored
	errNoJetStream    = 10039 // for this account
	errNotEnabled     = 10076
)

func isAPI(err error, codes ...int) bool {
	e, ok := errors.AsType[*apiError](err)
	if !ok {
		return false
	}
	return slices.Contains(codes, e.ErrCode)
}

// api asks JetStream something, and reads its answer.
func (l *natsLink) api(ctx context.Context, what string, question, answer any) error {
	data := []byte{}
	if question != nil {
		data, _ = json.Marshal(question)
	}
	reply, err := l.request(ctx, &nats.Msg{Subject: l.apiPrefix() + what, Data: data})
	if errors.Is(err, nats.ErrNoResponders) {
		return l.noJetStream(err)
	}
	if err != nil {
		return err
	}
	return readAnswer(reply.Data, answer)
}

// noJetStream is the error if nobody has answered: while a cluster chooses its leader that passes,
// where JetStream is not enabled it does not.
func (l *natsLink) noJetStream(err error) error {
	if l.server.Domain == "" && l.server.API == "" && !l.nc.HeadersSupported() {
		return faultf("%s: JetStream is not enabled there: start nats-server with it (-js)", l.name())
	}
	return err
}

func readAnswer(data []byte, answer any) error {
	var failed struct {
		Error *apiError `json:"error"`
	}
	if err := json.Unmarshal(data, &failed); err != nil {
		return err
	}
	if e := failed.Error; e != nil {
		if e.ErrCode == errNoJetStream || e.ErrCode == errNotEnabled {
			return faultf("JetStream is not enabled for this account: %v", e)
		}
		return e
	}
	if answer == nil {
		return nil
	}
	return json.Unmarshal(data, answer)
}

func (l *natsLink) apiPrefix() string {
	switch {
	case l.server.API != "":
		return strings.TrimSuffix(l.server.API, ".") + "."
	case l.server.Domain != "":
		return "$JS." + l.server.Domain + ".API."
	}
	return "$JS.API."
}

// until asks again and again, with the server there, until there is an answer: what has no answer
// has been lost with a server.
func (l *natsLink) until(ctx context.Context, ask func() error) error {
	for {
		if err := l.ready(ctx); err != nil {
			return err
		}
		err := ask()
		if err == nil || !passes(err) {
			return err
		}
		l.o.Report.Debugf("%s: %v", l.name(), err)
		wait(ctx, retryIn)
	}
}

// passes reports whether an error is one of a server that is away, or chooses its leader.
func passes(err error) bool {
	if _, ok := errors.AsType[*FaultError](err); ok {
		return false
	}
	if e, ok := errors.AsType[*apiError](err); ok {
		return e.Code == 503 || e.Code == 408 || e.Code >= 500
	}
	return !errors.Is(err, context.Canceled)
}
