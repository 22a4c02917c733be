package netset

import (
	"encoding/binary"
	"fmt"
	"math/bits"
	"net/netip"
)

// Value is one value of a field: a number of up to 128 bits. IPv4 addresses are
// numbers below 2^32, IPv6 addresses any.
type Value struct{ hi, lo uint64 }

// Num is the value of a small number: a port, a protocol, an interface.
func Num[T ~int | ~uint8 | ~uint16 | ~uint32](n T) Value { return Value{0, uint64(n)} }

// Address is the value of an address of either family.
func Address(a netip.Addr) Value {
	if a.Is4() {
		b := a.As4()
		return Value{0, uint64(binary.BigEndian.Uint32(b[:]))}
	}
	b := a.As16()
	return Value{binary.BigEndian.Uint64(b[:8]), binary.BigEndian.Uint64(b[8:])}
}

// Addr turns the value back into an address of a family.
func (v Value) Addr(is4 bool) netip.Addr {
	if is4 {
		var b [4]byte
		binary.BigEndian.PutUint32(b[:], uint32(v.lo))
		return netip.AddrFrom4(b)
	}
	var b [16]byte
	binary.BigEndian.PutUint64(b[:8], v.hi)
	binary.BigEndian.PutUint64(b[8:], v.lo)
	return netip.AddrFrom16(b)
}

// Int is the value as a number, for fields that are small.
func (v Value) Int() int { return int(v.lo) }

func (v Value) String() string {
	if v.hi != 0 {
		return fmt.Sprintf("%#x%016x", v.hi, v.lo)
	}
	return fmt.Sprint(v.lo)
}

// Compare orders values as numbers.
func (v Value) Compare(w Value) int {
	switch {
	case v.hi < w.hi || v.hi == w.hi && v.lo < w.lo:
		return -1
	case v == w:
		return 0
	}
	return 1
}

func (v Value) less(w Value) bool { return v.hi < w.hi || v.hi == w.hi && v.lo < w.lo }

// next is v+1; it wraps at the end.
func (v Value) next() Value {
	lo, carry := bits.Add64(v.lo, 1, 0)
	return Value{v.hi + carry, lo}
}

// prev is v-1; it wraps at zero.
func (v Value) prev() Value {
	lo, borrow := bits.Sub64(v.lo, 1, 0)
	return Value{v.hi - borrow, lo}
}

// Range is a closed range of values.
type Range struct{ Lo, Hi Value }

// One is the range of one value.
func One(v Value) Range { return Range{v, v} }

// Size is how many values the range holds, as far as a float can tell.
func (r Range) Size() float64 {
	lo, borrow := bits.Sub64(r.Hi.lo, r.Lo.lo, 0)
	hi, _ := bits.Sub64(r.Hi.hi, r.Lo.hi, borrow)
	return float64(hi)*(1<<64) + float64(lo) + 1
}

// Contains reports whether v is in the range.
func (r Range) Contains(v Value) bool { return !v.less(r.Lo) && !r.Hi.less(v) }
