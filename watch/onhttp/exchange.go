package onhttp

import (
	"cmp"
	"context"
	"net/http"
	"sync/atomic"

	"github.com/evshell/ev/event"
	"github.com/evshell/ev/internal/socket"
	"github.com/evshell/ev/loop"
)

// An exchange is one request on its way: read on its own goroutine, told to the loop, and back on
// its goroutine answered.
type exchange struct {
	watcher    *Watcher
	server     *server
	conn       *conn
	detail     event.HTTP
	body       body
	output     *output // of the command that the answer is made of; nil: it is not
	clientGone atomic.Bool
	leaves     <-chan struct{} // closed when net/http sees that the client has gone
	shared     bool            // the connection has other requests at the same time

	done       chan struct{} // closed when there is an answer, or none is to come
	reply      answer        // before that
	turnedAway bool          // before that: the watcher has stopped, and another may take the request

	counted bool         // it is one of those that the watcher has at work
	ends    atomic.Int32 // of which it has two: nothing more becomes of the event, and the answer is out

	// The loop's.
	hangUps  *loop.IO
	stop     func() // ends its command; nil: it has none
	answered bool   // there is an answer
	settled  bool   // nothing more becomes of the event
}

// An answer is what the client gets.
type answer struct {
	status int
	output bool   // what the command has written is the body
	why    string // otherwise the reason, if the client may know
}

var _ event.Exchange = (*exchange)(nil)

// serve has the loop deal with the request, and answers it. It reports whether it has: if not, the
// watcher has stopped, and another one may take the request.
func (x *exchange) serve(a *reply, r *http.Request) bool {
	w := x.watcher
	x.server.replies.begin()
	w.loop.Post(func() { w.arrive(x) })
	if x.output == nil {
		<-x.done
		if x.turnedAway {
			x.server.replies.sent()
			return false
		}
		x.conn.awaitReply(x.server.replies.sent)
		a.end(x.reply.status, x.reply.why)
		x.over()
		return true
	}
	defer x.over()
	if !w.opts.HalfClose {
		// Where the loop can't see it (BSD), or there are other requests on the connection
		// (HTTP/2), net/http may.
		defer context.AfterFunc(r.Context(), func() { w.loop.Post(x.clientLeft) })()
	}
	defer x.output.close()
	x.conn.awaitReply(x.server.replies.sent)
	return x.stream(a, r)
}

// count makes it one of the requests that are at work, if there may be one more.
func (x *exchange) count() bool {
	w := x.watcher
	if x.counted {
		return true
	}
	if w.atWork.Add(1) > w.room() {
		w.atWork.Add(-1)
		return false
	}
	x.counted = true
	return true
}

// discard is for a request that is refused before the loop knows of it.
func (x *exchange) discard() {
	if x.counted {
		x.counted = false
		x.watcher.atWork.Add(-1)
	}
	x.body.remove()
}

// watchClient begins to look whether the client is still there, until there is an answer: only then
// may net/http do with the connection as it likes.
func (x *exchange) watchClient() {
	if x.conn.fd < 0 || x.watcher.opts.Async || x.shared {
		return
	}
	gone := loop.Hangup | loop.Shut
	if x.watcher.opts.HalfClose {
		gone = loop.Hangup
	}
	x.hangUps = loop.NewIO(x.watcher.loop, x.conn.fd, gone, x.hungUp)
	x.hangUps.SetPriority(loop.MaxPriority)
	x.hangUps.Start()
}

// look notes whether the client has gone by now, also for the event. It asks the kernel here, where the connection is still
// the request's: whoever asks Gone may do so when the answer is out.
func (x *exchange) look() {
	if x.detail.Gone = x.clientGone.Load() || x.left(); x.detail.Gone {
		x.clientLeft()
	}
}

func (x *exchange) left() bool {
	half := x.watcher.opts.HalfClose
	select {
	case <-x.leaves:
		if !half {
			return true
		}
	default:
	}
	return !x.shared && x.conn.fd >= 0 && socket.Left(x.conn.fd, half)
}

// hungUp is for a client that has gone. One that may have ended its sending alone is waited for
// under HalfClose: when it goes, writing to it fails.
func (x *exchange) hungUp(loop.Ops) {
	x.hangUps.Stop()
	x.clientLeft()
}

// clientLeft is called when the client has gone.
func (x *exchange) clientLeft() {
	if x.answered || x.watcher.opts.Async || x.clientGone.Swap(true) || x.watcher.opts.KeepRunning {
		return
	}
	if x.stop != nil {
		x.watcher.opts.Report.Noticef("%s: the client has gone: the command is stopped", x.detail.Subject())
		x.stop()
	}
}

// Payload is the body, and the way to the client, if it gets what the command writes.
func (x *exchange) Payload(byte) event.Payload {
	p := event.Payload{Path: x.body.path, Data: x.body.data}
	if x.output != nil {
		p.Out = x.output.end
	}
	return p
}

// Release closes the pipe's writing end, so that the output ends with the command's.
func (x *exchange) Release() {
	if x.output != nil {
		_ = x.output.end.Close()
	}
}

// Gone reports whether the client has gone.
func (x *exchange) Gone() bool { return x.clientGone.Load() }

// Begin takes how to stop the command, unless nobody waits for it.
func (x *exchange) Begin(stop func()) bool {
	if x.clientGone.Load() && !x.watcher.opts.KeepRunning {
		return false
	}
	x.stop = stop
	return true
}

// Answer takes what has become of the request.
func (x *exchange) Answer(a event.Answer) { x.end(x.watcher.answerFor(a)) }

// answerFor is what a client gets.
func (w *Watcher) answerFor(a event.Answer) answer {
	switch a.Verdict {
	case event.Ran:
		if !w.opts.Handed {
			return answer{status: http.StatusNoContent}
		}
		if status, ok := w.opts.Status[a.Status]; ok {
			return answer{status: status, output: true}
		}
		if a.Status == 0 {
			return answer{status: http.StatusOK, output: true}
		}
	case event.Late:
		return answer{status: http.StatusGatewayTimeout, why: "it took too long"}
	case event.Merged:
		return answer{status: http.StatusAccepted}
	case event.Passed:
		return answer{status: cmp.Or(w.opts.ElseStatus, http.StatusNoContent)}
	case event.Stopped, event.Superseded, event.Skipped, event.Refused:
		return unavailable()
	case event.Failed:
	}
	return answer{status: http.StatusInternalServerError}
}

// end is told when nothing more becomes of the event. The first answer counts.
func (x *exchange) end(a answer) {
	if x.settled {
		return
	}
	x.settled, x.stop = true, nil
	x.give(a)
	x.body.remove()
	x.over()
}

// unavailable is the answer to a request that is not dealt with now.
func unavailable() answer {
	return answer{status: http.StatusServiceUnavailable, why: "try again later"}
}

// refuse answers a request that is not dealt with.
func (x *exchange) refuse() { x.end(unavailable()) }

// accept answers a request before its command has ended.
func (x *exchange) accept() { x.give(answer{status: http.StatusAccepted}) }

// turnAway leaves a request to the watcher that takes this one's place.
func (x *exchange) turnAway() {
	if x.answered {
		return
	}
	x.turnedAway, x.settled = true, true
	if x.counted {
		x.counted = false
		x.watcher.atWork.Add(-1)
	}
	x.give(answer{})
}

// give lets the request's goroutine answer.
func (x *exchange) give(a answer) {
	if x.answered {
		return
	}
	x.answered, x.reply = true, a
	if x.hangUps != nil {
		x.hangUps.Release()
	}
	x.Release()
	close(x.done)
	if x.output != nil {
		x.output.wake()
	}
}

// over is told of each of its ends. After both there is room for another request.
func (x *exchange) over() {
	if x.ends.Add(1) == 2 && x.counted {
		x.watcher.atWork.Add(-1)
	}
}
