package report

import (
	"bytes"
	"context"
	"encoding/xml"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"glacis/internal/analysis"
	"glacis/internal/privileged"
	"glacis/internal/site"
)

var now = time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC)

func enterpriseSVG(t *testing.T) []byte {
	t.Helper()
	s, diags, _ := site.Load(os.DirFS("../../examples/enterprise"), site.Options{Now: now})
	if s == nil {
		t.Fatal(diags)
	}
	var b bytes.Buffer
	if err := MatrixSVG(&b, s.Name, analysis.NewMatrix(s, now)); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// TestMatrixSVGIsSelfContained: well-formed, without scripts and references.
func TestMatrixSVGIsSelfContained(t *testing.T) {
	svg := enterpriseSVG(t)
	d := xml.NewDecoder(bytes.NewReader(svg))
	titles := 0
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		e, ok := token.(xml.StartElement)
		if !ok {
			continue
		}
		switch e.Name.Local {
		case "title":
			titles++
		case "script", "image", "use", "a", "foreignObject":
			t.Errorf("an element %s", e.Name.Local)
		}
		for _, a := range e.Attr {
			if strings.HasPrefix(a.Name.Local, "on") || a.Name.Local == "href" {
				t.Errorf("an attribute %s", a.Name.Local)
			}
		}
	}
	if titles < 40 || len(svg) > 200_000 {
		t.Errorf("%d tool tips, %d bytes", titles, len(svg))
	}
}

// overflow is run in the page: it counts texts, and those that stand out of the
// picture or across the right edge of the cell they begin in.
const overflow = `<script>
const texts = [...document.querySelectorAll('text')], cells = [...document.querySelectorAll('rect')].slice(1);
const view = document.querySelector('svg').viewBox.baseVal;
let out = [];
for (const t of texts) {
  const b = t.getBBox();
  if (b.x < 0 || b.y < 0 || b.x + b.width > view.width || b.y + b.height > view.height) out.push(t.textContent);
  for (const c of cells) {
    const r = c.getBBox();
    if (r.width < view.width && b.x >= r.x && b.x < r.x + r.width && b.y >= r.y && b.y < r.y + r.height && b.x + b.width > r.x + r.width) out.push(t.textContent);
  }
}
document.body.innerHTML = '<p id="result">' + texts.length + ' texts, overflow: [' + out.join('|') + ']</p>';
</script>`

// TestMatrixSVGFitsItsCells lays the picture out in a real browser.
func TestMatrixSVGFitsItsCells(t *testing.T) {
	privileged.Need(t) // CI runs it, with the browser installed
	browser, err := exec.LookPath("chromium")
	if err != nil {
		t.Fatal("chromium is not installed; the list of packages is in the Makefile")
	}
	page := filepath.Join(t.TempDir(), "page.html")
	html := "<!doctype html><meta charset=utf-8><body>" + string(enterpriseSVG(t)) + overflow
	if err := os.WriteFile(page, []byte(html), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	out, err := exec.CommandContext(ctx, browser, "--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update",
		"--disable-sync", "--no-first-run", "--user-data-dir="+t.TempDir(), "--dump-dom", "file://"+page).Output()
	if err != nil {
		t.Fatal(err)
	}
	_, result, found := strings.Cut(string(out), `<p id="result">`)
	result, _, _ = strings.Cut(result, "</p>")
	if !found || !strings.HasSuffix(result, "overflow: []") || strings.HasPrefix(result, "0 ") {
		t.Errorf("laid out: %q", result)
	}
	t.Log(result)
}
