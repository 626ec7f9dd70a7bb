package loop_test

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/evshell/ev/loop"
)

// The first program of libev's manual: a line of input, or a timeout, whichever is
// first. A pipe stands for standard input.
func Example() {
	l, err := loop.New()
	if err != nil {
		fmt.Println(err)
		return
	}
	defer l.Close()
	stdin, keyboard, err := os.Pipe()
	if err != nil {
		fmt.Println(err)
		return
	}

	input := loop.NewIO(l, int(stdin.Fd()), loop.Read, func(loop.Ops) {
		line := make([]byte, 80)
		n, _ := stdin.Read(line)
		fmt.Printf("read %q\n", line[:n])
		l.Break()
	})
	input.Start()
	loop.NewTimer(l, 5500*time.Millisecond, 0, func() {
		fmt.Println("timeout")
		l.Break()
	}).Start()

	fmt.Fprintln(keyboard, "hello")
	if err := l.Run(context.Background(), loop.RunDefault); err != nil {
		fmt.Println(err)
	}
	// Output:
	// read "hello\n"
}

// A timeout that activity puts off: each piece of input starts it anew.
func ExampleTimer_Again() {
	l, err := loop.New()
	if err != nil {
		fmt.Println(err)
		return
	}
	defer l.Close()

	timeout := loop.NewTimer(l, 0, 20*time.Millisecond, func() {
		fmt.Println("no activity for 20ms")
		l.Break()
	})
	timeout.Again() // inactive: it starts with its repeat
	pieces := 0
	var activity *loop.Timer
	activity = loop.NewTimer(l, time.Millisecond, time.Millisecond, func() {
		timeout.Again() // active: it starts anew
		if pieces++; pieces == 3 {
			fmt.Println("3 pieces of input")
			activity.Stop()
		}
	})
	activity.Start()
	if err := l.Run(context.Background(), loop.RunDefault); err != nil {
		fmt.Println(err)
	}
	// Output:
	// 3 pieces of input
	// no activity for 20ms
}

// A grid of the wall clock: every 20 milliseconds, on the multiples of 20. What
// comes late does not move it.
func ExampleNewPeriodic() {
	l, err := loop.New()
	if err != nil {
		fmt.Println(err)
		return
	}
	defer l.Close()

	const step = 20 * time.Millisecond
	next := func(after time.Time) (time.Time, bool) {
		return after.Truncate(step).Add(step), true
	}
	ticks := 0
	var grid *loop.Periodic
	grid = loop.NewPeriodic(l, next, func() {
		fmt.Println("on the grid:", grid.Due().Truncate(step).Equal(grid.Due()))
		if ticks++; ticks == 2 {
			grid.Stop() // nothing is active any more: Run returns
		}
	})
	grid.Start()
	if err := l.Run(context.Background(), loop.RunDefault); err != nil {
		fmt.Println(err)
	}
	// Output:
	// on the grid: true
	// on the grid: true
}

// A goroutine works and tells the loop; the results belong to the loop's goroutine.
func ExampleAsync() {
	l, err := loop.New()
	if err != nil {
		fmt.Println(err)
		return
	}
	defer l.Close()

	results := make(chan int, 3)
	sum := 0
	done := loop.NewAsync(l, func() {
		// One call may stand for several Sends.
		for len(results) > 0 {
			sum += <-results
		}
		if sum == 1+4+9 {
			fmt.Println("the sum is", sum)
			l.Break()
		}
	})
	done.Start()
	for i := 1; i <= 3; i++ {
		go func() {
			results <- i * i
			done.Send()
		}()
	}
	if err := l.Run(context.Background(), loop.RunDefault); err != nil {
		fmt.Println(err)
	}
	// Output:
	// the sum is 14
}

// Whatever a goroutine has to say can be posted as a function.
func ExampleLoop_Post() {
	l, err := loop.New()
	if err != nil {
		fmt.Println(err)
		return
	}
	defer l.Close()

	l.Ref() // until the answer is there
	go func() {
		answer := 6 * 7
		l.Post(func() {
			fmt.Println("the answer is", answer)
			l.Unref()
		})
	}()
	if err := l.Run(context.Background(), loop.RunDefault); err != nil {
		fmt.Println(err)
	}
	// Output:
	// the answer is 42
}
