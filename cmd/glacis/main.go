// Command glacis shrinks and guards a network's attack surface: it proves one
// declared site safe, compiles it to Linux firewalls and tests it with real
// packets.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
	"time"

	"glacis/internal/cli"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := cli.Run(ctx, cli.Env{Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr, Getenv: os.Getenv, Now: time.Now}, os.Args[1:])
	stop()
	os.Exit(code)
}
