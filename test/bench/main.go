// Command bench measures what a packet costs on its way through the firewall,
// with the policy as Glacis compiles it beside the same policy written other
// ways, in one run on one machine: read the ratios, not the nanoseconds. It
// needs root, nft and iptables-legacy.
//
// Every packet is the first of a connection of its own and matches the last
// rule: those are the packets that meet the rules, for all later ones of a
// connection are let pass before them. With -flows 1 all packets are of one
// connection that is never answered, which connection tracking calls new each
// time without having to make an entry: the walk through the ruleset alone.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"time"
)

func main() {
	packets := flag.Int("packets", 60_000, "packets in one measurement")
	flag.IntVar(&flows, "flows", flows, "connections that the packets of a measurement belong to, at most 60000")
	runs := flag.Int("runs", 5, "measurements of each; the median counts")
	only := flag.String("only", "", "measure only subjects whose name holds this, beside the two that all are compared with")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, *packets, *runs, *only); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, packets, runs int, only string) error {
	if err := compileCost(runs); err != nil {
		return err
	}
	g, err := newGround()
	if err != nil {
		return err
	}
	defer g.close()
	return packetCost(ctx, g, chosen(only, flag.Args()), packets, runs)
}

// packetCost measures every subject in turn, runs times over, so that a slow
// moment of the machine falls on all alike.
func packetCost(ctx context.Context, g *ground, all []subject, packets, runs int) error {
	samples := make([][]time.Duration, len(all))
	for r := range runs {
		for k, s := range all {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			d, err := g.measure(ctx, s, packets)
			if err != nil {
				return fmt.Errorf("%s: %w", s.name, err)
			}
			samples[k] = append(samples[k], d)
			progress("packets: run %d of %d, %d of %d  ", r+1, runs, k+1, len(all))
		}
	}
	progress("")
	report(all, samples)
	return nil
}

func report(all []subject, samples [][]time.Duration) {
	med := map[string]float64{}
	for k, s := range all {
		med[s.name] = float64(median(samples[k]))
	}
	send := med[sendOnly]
	fmt.Printf("\n%-42s %10s %10s %22s\n", "a packet that matches the last rule", "ns", "less send", "x accept-everything")
	for _, s := range all {
		fmt.Printf("%-42s %10.0f %10.0f %22.2f\n", s.name, med[s.name], med[s.name]-send, (med[s.name]-send)/(med[acceptAll]-send))
	}
	ratio := func(what, of string, most float64) {
		if med[what] == 0 || med[of] == 0 {
			return
		}
		r := (med[what] - send) / (med[of] - send)
		whole := med[what] / med[of]
		fmt.Printf("%s / %s: %.2f without the cost of sending, %.2f with it (target at most %.1f)\n", what, of, r, whole, most)
	}
	fmt.Println()
	ratio(glacis(10_000), acceptAll, 1.5)
	ratio(glacis(10_000), glacis(10), 1.2)
	ratio(glacisNetworks(10_000), acceptAll, 1.5)
	ratio(glacisNetworks(10_000), glacisNetworks(10), 1.2)
	for name, times := range loads {
		fmt.Printf("%s loaded in %v (median of %d)\n", name, median(times).Round(time.Millisecond), len(times))
	}
}

func median(d []time.Duration) time.Duration {
	d = slices.Sorted(slices.Values(d))
	return d[len(d)/2]
}

// chosen picks the subjects to measure; files are rulesets of one's own.
func chosen(only string, files []string) []subject {
	var out []subject
	for _, s := range subjects() {
		if s.name == sendOnly || s.name == acceptAll || strings.Contains(s.name, only) {
			out = append(out, s)
		}
	}
	for _, f := range files {
		out = append(out, subject{name: f, nft: func() (string, error) {
			b, err := os.ReadFile(f)
			return string(b), err
		}})
	}
	return out
}

func progress(format string, args ...any) {
	if info, err := os.Stderr.Stat(); err == nil && info.Mode()&os.ModeCharDevice != 0 {
		fmt.Fprintf(os.Stderr, "\r\x1b[K"+format, args...)
	}
}
