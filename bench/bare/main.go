// Bare is the least that a program in Go can be.
package main

func main() {}
