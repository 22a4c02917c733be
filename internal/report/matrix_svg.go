package report

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"io"
	"slices"
	"strings"

	"glacis/internal/analysis"
	"glacis/internal/policy"
)

// Measures of the drawing in pixels. Text is monospaced so that its width is
// known without asking a font: the widest of the usual ones takes 0.62 em.
const (
	fontSize   = 12.0
	glyphWidth = 0.62 * fontSize
	lineHeight = 16.0
	padding    = 8.0
	margin     = 20.0
	titleSpace = 46.0

	maxServices = 10 // lines in a cell; the rest is in its tooltip
	maxGlyphs   = 18
)

// roleColours are the tint of a role's cells and the ink of its heads: dark
// enough on white for small print (WCAG 2.1, 1.4.3).
var roleColours = map[policy.Role][2]string{
	policy.Internet:   {"#fbe4e2", "#9f1f17"},
	policy.DMZ:        {"#fdeed6", "#8a4b00"},
	policy.Servers:    {"#e2ebfa", "#1f4c9a"},
	policy.Users:      {"#e2f3e5", "#1d6330"},
	policy.Partner:    {"#f0e6f8", "#6a2a94"},
	policy.Branch:     {"#e0f2f3", "#0d5e66"},
	policy.Guest:      {"#f5efc9", "#6b5a00"},
	policy.Management: {"#e6e7ee", "#3b3f63"},
}

// MatrixSVG draws the matrix: rows send, columns receive, services in the cells.
// The drawing stands alone: no scripts, no fonts or pictures from elsewhere.
func MatrixSVG(w io.Writer, title string, m analysis.Matrix) error {
	d := newMatrixDrawing(m)
	d.head(title)
	for row, from := range m.Sides {
		for column, to := range m.Sides {
			d.cell(row, column, from, to)
		}
	}
	d.sides()
	d.legend()
	d.printf("</svg>\n")
	_, err := w.Write(d.Bytes())
	return err
}

// matrixDrawing is an SVG being written, with the edges of rows and columns.
type matrixDrawing struct {
	bytes.Buffer
	matrix  analysis.Matrix
	columns []float64 // left edges, and the right edge of the last
	rows    []float64
}

func newMatrixDrawing(m analysis.Matrix) *matrixDrawing {
	d := &matrixDrawing{matrix: m}
	label := 0
	for _, z := range m.Sides {
		label = max(label, glyphs(policy.ZoneName(z)), glyphs(roleName(z)))
	}
	left, top := margin+float64(label)*glyphWidth+2*padding, margin+titleSpace+2*lineHeight+2*padding
	d.columns, d.rows = []float64{left}, []float64{top}
	for _, z := range m.Sides {
		width, lines := max(glyphs(policy.ZoneName(z)), glyphs(roleName(z))), 2
		for _, other := range m.Sides {
			for _, line := range cellLines(m, other, z) {
				width = max(width, glyphs(line))
			}
			lines = max(lines, len(cellLines(m, z, other)))
		}
		left += float64(width)*glyphWidth + 2*padding
		top += float64(lines)*lineHeight + 2*padding
		d.columns, d.rows = append(d.columns, left), append(d.rows, top)
	}
	return d
}

func (d *matrixDrawing) right() float64  { return d.columns[len(d.columns)-1] }
func (d *matrixDrawing) bottom() float64 { return d.rows[len(d.rows)-1] }

func (d *matrixDrawing) printf(format string, args ...any) { fmt.Fprintf(&d.Buffer, format, args...) }

const legendGlyphs = 92

func (d *matrixDrawing) head(title string) {
	width := max(d.right(), margin+legendGlyphs*glyphWidth) + margin
	height := d.bottom() + 3*lineHeight + margin
	d.printf(`<svg xmlns="http://www.w3.org/2000/svg" width="%.0f" height="%.0f" viewBox="0 0 %.0f %.0f" role="img">`+"\n", width, height, width, height)
	d.printf("<title>%s: what may pass between its zones</title>\n", escape(title))
	d.printf("<style>text{font:%.0fpx 'DejaVu Sans Mono',Menlo,Consolas,'Liberation Mono',monospace;fill:#222}"+
		".h{font-weight:bold}.s{fill:#5a5a5a}.g{stroke:#b4b4b4;stroke-width:1}</style>\n", fontSize)
	d.printf(`<defs><pattern id="open" width="7" height="7" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">` +
		`<rect width="7" height="7" fill="#f2f2f2"/><path d="M0 0V7" stroke="#c9c9c9" stroke-width="2"/></pattern></defs>` + "\n")
	d.printf(`<rect width="%.0f" height="%.0f" fill="#fff"/>`+"\n", width, height)
	d.printf(`<text x="%.1f" y="%.1f" style="font-size:18px;font-weight:bold">%s</text>`+"\n", margin, margin+18, escape(title))
	d.printf(`<text class="s" x="%.1f" y="%.1f">what may pass from the zone of a row to the zone of a column</text>`+"\n", margin, margin+18+lineHeight+4)
}

// cell draws what may pass between two sides, with the rules as a tooltip.
func (d *matrixDrawing) cell(row, column int, from, to *policy.Zone) {
	pair, ok := d.matrix.Between(from, to)
	lines := cellLines(d.matrix, from, to)
	fill := "#fff"
	switch {
	case !ok || !pair.Filtered():
		fill = "url(#open)"
	case len(pair.Allows()) > 0:
		fill, _ = colours(from)
	}
	x, y := d.columns[column], d.rows[row]
	w, h := d.columns[column+1]-x, d.rows[row+1]-y
	d.printf(`<g class="cell"><title>%s</title>`, escape(tooltip(pair, ok)))
	d.printf(`<rect class="g" x="%.1f" y="%.1f" width="%.1f" height="%.1f" fill="%s"/>`, x, y, w, h, fill)
	for k, line := range lines {
		class := ""
		if len(pair.Allows()) == 0 {
			class = ` class="s"`
		}
		d.printf(`<text%s x="%.1f" y="%.1f">%s</text>`, class, x+padding, y+padding+fontSize+float64(k)*lineHeight, escape(shorten(line)))
	}
	d.printf("</g>\n")
}

// sides writes the names at the left and on top, each in the colour of its role.
func (d *matrixDrawing) sides() {
	for k, z := range d.matrix.Sides {
		tint, ink := colours(z)
		side := func(x, y, w, h float64) {
			d.printf(`<g class="cell"><rect class="g" x="%.1f" y="%.1f" width="%.1f" height="%.1f" fill="%s"/>`, x, y, w, h, tint)
			d.printf(`<text class="h" style="fill:%s" x="%.1f" y="%.1f">%s</text>`, ink, x+padding, y+padding+fontSize, escape(shorten(policy.ZoneName(z))))
			d.printf(`<text class="s" x="%.1f" y="%.1f">%s</text></g>`+"\n", x+padding, y+padding+fontSize+lineHeight, escape(roleName(z)))
		}
		top := margin + titleSpace
		side(margin, d.rows[k], d.columns[0]-margin, d.rows[k+1]-d.rows[k])
		side(d.columns[k], top, d.columns[k+1]-d.columns[k], d.rows[0]-top)
	}
}

func (d *matrixDrawing) legend() {
	y := d.bottom() + lineHeight + padding
	d.printf(`<text class="s" x="%.1f" y="%.1f">–  nothing passes: dropped and logged</text>`+"\n", margin, y)
	d.printf(`<text class="s" x="%.1f" y="%.1f">not filtered: both are behind one interface of the firewall, which cannot stand between them</text>`+"\n", margin, y+lineHeight)
}

// cellLines are the lines of a cell: a service each, within bounds.
func cellLines(m analysis.Matrix, from, to *policy.Zone) []string {
	pair, ok := m.Between(from, to)
	switch services := pair.Services(); {
	case !ok:
		return nil
	case !pair.Filtered() && from == to:
		return nil
	case !pair.Filtered():
		return []string{"not filtered"}
	case len(services) == 0:
		return []string{"–"}
	case len(services) > maxServices:
		return append(slices.Clone(services[:maxServices-1]), fmt.Sprintf("and %d more", len(services)-maxServices+1))
	default:
		return services
	}
}

// tooltip says which rules decide, in order, and where they are written.
func tooltip(p analysis.Pair, ok bool) string {
	if !ok {
		return "the firewall itself"
	}
	head := policy.ZoneName(p.From) + " → " + policy.ZoneName(p.To)
	if !p.Filtered() {
		return head + "\nnot filtered: interface " + p.Shared.Name
	}
	lines := []string{head}
	for _, r := range p.Rules {
		var services []string
		for _, s := range r.Services {
			services = append(services, s.Name)
		}
		line := fmt.Sprintf("%s: %s %s (%s)", r.Name, r.Action, strings.Join(services, ", "), r.Range.FileLine())
		if r.Exception != nil {
			line += ", exception until " + r.Exception.LastDay()
		}
		lines = append(lines, line)
	}
	return strings.Join(append(lines, "everything else is dropped"), "\n")
}

func colours(z *policy.Zone) (tint, ink string) {
	if z == nil {
		return "#e9e9e9", "#222"
	}
	c := roleColours[z.Role]
	return c[0], c[1]
}

// roleName is what stands under a zone's name, nothing if it would repeat it.
func roleName(z *policy.Zone) string {
	if z == nil || string(z.Role) == z.Name {
		return ""
	}
	return string(z.Role)
}

// glyphs is how many columns a text takes, once it is shortened.
func glyphs(s string) int { return len([]rune(shorten(s))) }

func shorten(s string) string {
	if r := []rune(s); len(r) > maxGlyphs {
		return string(r[:maxGlyphs-1]) + "…"
	}
	return s
}

func escape(s string) string {
	var b bytes.Buffer
	xml.EscapeText(&b, []byte(clean(s))) // a Buffer takes everything
	return b.String()
}
