// Package sigmask blocks signals in all of the program's threads, and starts commands with none
// blocked.
//
// Only what is blocked everywhere can be read from a signalfd (signalfd(2)). Go makes threads as it
// likes, and each starts with the mask that the program was started with; so the program has to be
// started with it, by itself.
//
// Commands inherit the mask. A thread that opened it up for the moment in which it makes a child
// would be given all that is waiting for the signalfd. So it is the child that does so: the program
// once more, which then becomes the command. Without a signalfd a thread may well open up, which
// spares each command a start of ev.
package sigmask

// unmasked is the first argument of a program that is started in order to become a command.
const unmasked = "ev:unmasked"
