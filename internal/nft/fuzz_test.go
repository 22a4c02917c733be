package nft_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"glacis/internal/linux"
	"glacis/internal/nft"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the listings of our own rulesets anew, with the nft of this machine")

// TestListings writes, or reads, what nft lists for our own rulesets: the seeds
// of FuzzReadJSON. What is printable of each loads and is listed as the same.
func TestListings(t *testing.T) {
	if *update {
		keepListing(t, "catalogue", func(n *linux.Namespace) { reload(t, n, withoutNumbers(nft.Catalogue())) })
		keepListing(t, "foreign", func(n *linux.Namespace) { loadText(t, n, "testdata/foreign.nft") })
	}
	for name, text := range listings(t) {
		r, err := nft.ReadJSON(bytes.NewReader(text))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if r.Validate() == nil {
			equalRulesets(t, reload(t, namespace(t), r), r)
		}
	}
}

// withoutNumbers leaves out the chain that has every number: it is long.
func withoutNumbers(r *nft.Ruleset) *nft.Ruleset {
	t := r.Tables[0]
	t.Chains = slices.DeleteFunc(t.Chains, func(c *nft.Chain) bool { return c.Name == "numbers" })
	return r
}

// TestPrintGolden: the text is what people read, and changes only on purpose.
func TestPrintGolden(t *testing.T) {
	got := withoutNumbers(nft.Catalogue()).String()
	if *update {
		if err := os.WriteFile("testdata/catalogue.nft", []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile("testdata/catalogue.nft")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(got, "\n")); diff != "" {
		t.Errorf("kept -, printed +\n%s", diff)
	}
}

func keepListing(t *testing.T, name string, load func(*linux.Namespace)) {
	n := namespace(t)
	load(n)
	out, err := n.Command(t.Context(), "nft", "-j", "list", "ruleset").Output()
	if err != nil {
		t.Fatal(err)
	}
	n.Close()
	if err := os.WriteFile("testdata/listings/"+name+".json", out, 0o644); err != nil {
		t.Fatal(err)
	}
}

func listings(t testing.TB) map[string][]byte {
	files, err := filepath.Glob("testdata/listings/*.json")
	if err != nil || len(files) < 2 {
		t.Fatalf("listings %v, %v: write them with -update", files, err)
	}
	out := map[string][]byte{}
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		out[f] = text
	}
	return out
}

// FuzzReadJSON: no input makes the reader panic or hang; what it accepts is read
// the same again, prints or says why not, and can be evaluated.
func FuzzReadJSON(f *testing.F) {
	for _, text := range listings(f) {
		for _, doc := range pieces(f, text) {
			f.Add(doc)
		}
	}
	env := nft.Env{Route: func(netip.Addr) (string, bool, bool) { return "", true, true }, UnderLimit: true}
	p := nft.Packet{IIF: "eth0", Src: netip.MustParseAddr("10.0.0.1"), Dst: netip.MustParseAddr("10.0.0.2"), Proto: 6, SrcPort: 4000, DstPort: 22, TCPFlags: 2, CTState: nft.CTNew}
	f.Fuzz(func(t *testing.T, text []byte) {
		start := time.Now()
		r, err := nft.ReadJSON(bytes.NewReader(text))
		if took := time.Since(start); took > 5*time.Second {
			t.Errorf("%d bytes take %v", len(text), took)
		}
		if err != nil {
			return
		}
		again, err := nft.ReadJSON(bytes.NewReader(text))
		if err != nil || again.String() != r.String() {
			t.Fatalf("read again it is another one: %v", err)
		}
		if err := nft.Print(io.Discard, r); (err == nil) != (r.Validate() == nil) {
			t.Fatalf("printing says %v, validation %v", err, r.Validate())
		}
		r.Eval(p, env)
	})
}

// pieces cuts a listing into small ones of one object each, in a chain that a
// packet reaches: the engine learns nothing from large inputs.
func pieces(t testing.TB, text []byte) [][]byte {
	var doc struct{ Nftables []json.RawMessage }
	if err := json.Unmarshal(text, &doc); err != nil {
		t.Fatal(err)
	}
	chain := regexp.MustCompile(`("family": )"[a-z0-9]*"(, "table": )"[a-z0-9]*"(, "chain": )"[a-z-]*"`)
	var out [][]byte
	for _, object := range doc.Nftables[1:] {
		object = chain.ReplaceAll(object, []byte(`$1"inet"$2"t"$3"c"`))
		head := `{"nftables": [{"metainfo": {"json_schema_version": 1}}, {"chain": {"family": "inet", "table": "t", "name": "c", "type": "filter", "hook": "input", "prio": 0}}, `
		out = append(out, slices.Concat([]byte(head), object, []byte("]}")))
	}
	return out
}

// TestReadJSONMemory: input as hostile as the bounds allow takes less than half
// a gigabyte.
func TestReadJSONMemory(t *testing.T) {
	const begin = `{"nftables": [{"metainfo": {"json_schema_version": 1}}, {"chain": {"family": "ip", "table": "t", "name": "c"}}, `
	rule := begin + `{"rule": {"family": "ip", "table": "t", "chain": "c", "expr": [{"`
	set := begin + `{"set": {"family": "ip", "table": "t", "name": "s", "type": "inet_service", "elem": [1`
	for _, c := range []struct {
		name, head, body string
		times            int
		tail             string
	}{
		{"elements", set, ",1", 990_000, "]}}]}"},
		{"more elements", set, ",1", 40 << 20, "]}}]}"},
		{"statements", rule + `drop": null}`, `,{"drop":null}`, 990_000, "]}}]}"},
		{"a string", rule, "x", 60 << 20, `": null}]}}]}`},
		{"a longer string", rule, "x", 80 << 20, `": null}]}}]}`},
		{"white space", begin, " ", 80 << 20, ""},
		{"deep", "", "[", 80 << 20, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			peak := watchHeap()
			start := time.Now()
			_, err := nft.ReadJSON(io.MultiReader(strings.NewReader(c.head), &repeated{c.body, c.times * len(c.body)}, strings.NewReader(c.tail)))
			t.Logf("%v: at most %d MB, %v", err, peak()>>20, time.Since(start))
			if most := peak(); most > 512<<20 {
				t.Errorf("%d MB", most>>20)
			}
		})
	}
}

// repeated is a text over and over, without the memory for it.
type repeated struct {
	text string
	left int
}

func (r *repeated) Read(p []byte) (int, error) {
	if r.left == 0 {
		return 0, io.EOF
	}
	n := 0
	for ; n < len(p) && r.left > 0; n++ {
		p[n] = r.text[(len(r.text)-r.left%len(r.text))%len(r.text)]
		r.left--
	}
	return n, nil
}

// watchHeap samples how large the heap is and returns the largest it saw.
func watchHeap() func() uint64 {
	runtime.GC()
	var most uint64
	stop, done := make(chan bool), make(chan bool)
	go func() {
		defer close(done)
		var m runtime.MemStats
		for {
			runtime.ReadMemStats(&m)
			most = max(most, m.HeapAlloc)
			select {
			case <-stop:
				return
			case <-time.After(20 * time.Millisecond):
			}
		}
	}()
	stopped := false
	return func() uint64 {
		if !stopped {
			stopped = true
			close(stop)
			<-done
		}
		return most
	}
}
