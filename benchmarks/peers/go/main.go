// What Go takes for the same work: expfmt, a map under a mutex, Append(ref), a scan.
// It reads commands from its standard input, a line each, and answers each with the
// seconds of CPU time (all threads) and of wall time that it took.
package main

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"sort"
	"strings"
	"sync"
	"syscall"
	"time"
	"unsafe"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
)

type sample struct {
	labels map[string]string
	t      int64
	v      float64
}

type store struct {
	mutex   sync.Mutex
	samples map[string]sample
}

func (s *store) put(name string, labels []*dto.LabelPair, extra string, bound string, v float64) {
	held := make(map[string]string, len(labels)+2)
	names := make([]string, 0, len(labels)+1)
	for _, pair := range labels {
		held[pair.GetName()] = pair.GetValue()
		names = append(names, pair.GetName())
	}
	if extra != "" {
		held[extra] = bound
		names = append(names, extra)
	}
	sort.Strings(names)
	var key strings.Builder
	key.WriteString(name)
	for _, label := range names {
		key.WriteByte(0xff)
		key.WriteString(label)
		key.WriteByte(0xff)
		key.WriteString(held[label])
	}
	held["__name__"] = name
	s.mutex.Lock()
	s.samples[key.String()] = sample{held, 1, v}
	s.mutex.Unlock()
}

func (s *store) take(families map[string]*dto.MetricFamily) {
	for name, family := range families {
		for _, metric := range family.Metric {
			s.takeOne(name, metric)
		}
	}
}

func (s *store) takeOne(name string, metric *dto.Metric) {
	switch {
	case metric.Histogram != nil:
		for _, bucket := range metric.Histogram.Bucket {
			bound := fmt.Sprint(bucket.GetUpperBound())
			s.put(name+"_bucket", metric.Label, "le", bound, float64(bucket.GetCumulativeCount()))
		}
		s.put(name+"_sum", metric.Label, "", "", metric.Histogram.GetSampleSum())
		s.put(name+"_count", metric.Label, "", "", float64(metric.Histogram.GetSampleCount()))
	case metric.Summary != nil:
		for _, each := range metric.Summary.Quantile {
			s.put(name, metric.Label, "quantile", fmt.Sprint(each.GetQuantile()), each.GetValue())
		}
		s.put(name+"_sum", metric.Label, "", "", metric.Summary.GetSampleSum())
		s.put(name+"_count", metric.Label, "", "", float64(metric.Summary.GetSampleCount()))
	case metric.Counter != nil:
		s.put(name, metric.Label, "", "", metric.Counter.GetValue())
	case metric.Gauge != nil:
		s.put(name, metric.Label, "", "", metric.Gauge.GetValue())
	case metric.Untyped != nil:
		s.put(name, metric.Label, "", "", metric.Untyped.GetValue())
	}
}

// A series as Prometheus' head has it: with a lock of its own.
type series struct {
	mutex sync.Mutex
	t     int64
	v     float64
}

type appender struct{ series []*series }

func (a *appender) Append(ref uint64, t int64, v float64) error {
	s := a.series[ref]
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if t < s.t {
		return fmt.Errorf("out of order")
	}
	s.t, s.v = t, v
	return nil
}

var (
	body  []byte
	held  = &store{samples: map[string]sample{}}
	refs  appender
	clock int64
)

func parse() map[string]*dto.MetricFamily {
	var parser expfmt.TextParser
	families, err := parser.TextToMetricFamilies(bytes.NewReader(body))
	if err != nil {
		panic(err)
	}
	return families
}

func scan(name string, label string, value string) int {
	hits := 0
	held.mutex.Lock()
	defer held.mutex.Unlock()
	for _, each := range held.samples {
		if each.labels["__name__"] == name && each.labels[label] == value {
			hits++
		}
	}
	return hits
}

func appendAll(count int) {
	for len(refs.series) < count {
		refs.series = append(refs.series, &series{})
	}
	clock++
	for ref := 0; ref < count; ref++ {
		if err := refs.Append(uint64(ref), clock, 1); err != nil {
			panic(err)
		}
	}
}

// How often a command is to be done: its last word, or once.
func timesOf(words []string) int {
	times := 1
	if len(words) > 1 {
		fmt.Sscan(words[1], &times)
	}
	return times
}

func command(words []string) {
	switch words[0] {
	case "load":
		read, err := os.ReadFile(words[1])
		if err != nil {
			panic(err)
		}
		body = read
	case "parse":
		for range make([]struct{}, timesOf(words)) {
			parse()
		}
	case "store":
		for range make([]struct{}, timesOf(words)) {
			held = &store{samples: map[string]sample{}}
			held.take(parse())
		}
	case "scan":
		scan(words[1], words[2], words[3])
	case "append":
		var count, times int
		fmt.Sscan(words[1], &count)
		fmt.Sscan(words[2], &times)
		for ; times > 0; times-- {
			appendAll(count)
		}
	default:
		panic("unknown: " + words[0])
	}
}

func cpu() float64 {
	var now syscall.Timespec
	const process = 2 // CLOCK_PROCESS_CPUTIME_ID
	syscall.Syscall(syscall.SYS_CLOCK_GETTIME, process, uintptr(unsafe.Pointer(&now)), 0)
	return float64(now.Nano()) / 1e9
}

func main() {
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		wall, used := time.Now(), cpu()
		command(strings.Fields(lines.Text()))
		fmt.Printf("%.9f %.9f\n", cpu()-used, time.Since(wall).Seconds())
	}
}
