// Asks every endpoint of a server through client_golang's v1 API, and prints what it
// decoded as one JSON document: name of the call -> result, or its error.
//
// GO111MODULE=off GOPATH=/usr/share/gocode go run client_golang.go http://host:port
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"time"

	"github.com/prometheus/client_golang/api"
	v1 "github.com/prometheus/client_golang/api/prometheus/v1"
)

type answer struct {
	Type     string      `json:"type"`
	Value    interface{} `json:"value"`
	Warnings v1.Warnings `json:"warnings,omitempty"`
	Error    string      `json:"error,omitempty"`
}

func main() {
	client, err := api.NewClient(api.Config{Address: os.Args[1]})
	if err != nil {
		panic(err)
	}
	server := v1.NewAPI(client)
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	answers := map[string]answer{}
	put := func(name string, value interface{}, warnings v1.Warnings, err error) {
		told := answer{Type: fmt.Sprintf("%T", value), Value: value, Warnings: warnings}
		if err != nil {
			told.Error = err.Error()
		}
		answers[name] = told
	}
	now := time.Now()
	hour := now.Add(-time.Hour)
	all := []string{`{__name__!=""}`}
	span := v1.Range{Start: now.Add(-4 * time.Second), End: now, Step: 2 * time.Second}

	for name, query := range map[string]string{
		"vector": `up`, "scalar": `1 + 1`, "string": `"text"`, "matrix": `up[4s]`,
		"broken": `sum(`, "odd": `1 / 0`,
	} {
		value, warnings, err := server.Query(ctx, query, now)
		put("query "+name, value, warnings, err)
	}
	value, warnings, err := server.QueryRange(ctx, "up", span)
	put("query_range", value, warnings, err)
	exemplars, err := server.QueryExemplars(ctx, `{__name__!=""}`, hour, now)
	put("query_exemplars", exemplars, nil, err)
	series, warnings, err := server.Series(ctx, all, hour, now)
	put("series", series, warnings, err)
	names, warnings, err := server.LabelNames(ctx, nil, hour, now)
	put("labels", names, warnings, err)
	values, warnings, err := server.LabelValues(ctx, "job", all, hour, now)
	put("label values", values, warnings, err)
	metadata, err := server.Metadata(ctx, "", "")
	put("metadata", metadata, nil, err)
	targets, err := server.Targets(ctx)
	put("targets", targets, nil, err)
	ofTargets, err := server.TargetsMetadata(ctx, "", "", "")
	put("targets metadata", ofTargets, nil, err)
	rules, err := server.Rules(ctx)
	put("rules", rules, nil, err)
	alerts, err := server.Alerts(ctx)
	put("alerts", alerts, nil, err)
	managers, err := server.AlertManagers(ctx)
	put("alertmanagers", managers, nil, err)
	build, err := server.Buildinfo(ctx)
	put("buildinfo", build, nil, err)
	config, err := server.Config(ctx)
	put("config", config, nil, err)
	flags, err := server.Flags(ctx)
	put("flags", flags, nil, err)
	runtime, err := server.Runtimeinfo(ctx)
	put("runtimeinfo", runtime, nil, err)
	tsdb, err := server.TSDB(ctx)
	put("tsdb", tsdb, nil, err)
	replay, err := server.WalReplay(ctx)
	put("walreplay", replay, nil, err)
	put("clean_tombstones", nil, nil, server.CleanTombstones(ctx))
	put("delete_series", nil, nil, server.DeleteSeries(ctx, all, hour, now))
	snapshot, err := server.Snapshot(ctx, true)
	put("snapshot", snapshot, nil, err)

	if err := json.NewEncoder(os.Stdout).Encode(answers); err != nil {
		panic(err)
	}
}
