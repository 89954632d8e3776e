"""Templates of annotations: what is shown for them, and what is left as it stands."""

from __future__ import annotations

import pytest

from promlatest.rules._templates import render

LABELS = {"path": "/buy", "code": "500"}


@pytest.mark.parametrize(
    ("text", "value", "shown"),
    [
        ("{{ $value }}", 0.25, "0.25"),
        ("{{$value}}", 1e6, "1e+06"),
        ("{{ .Value }}", 3, "3"),
        ("{{ $labels.path }} {{ .Labels.code }} {{$labels.none}}.", 0, "/buy 500 ."),
        ("{{ $labels }}", 0, "map[code:500 path:/buy]"),
        ('{{ index $labels "path" }}', 0, "/buy"),
        ("a {{- $value -}} b", 1, "a1b"),
        ("a  {{- ` ` -}}  b", 1, "a b"),
        ('{{ "a\\x41\\n" }}', 0, "aA\n"),
        ("{{ $value | humanize }}", 0, "0"),
        ("{{ $value | humanize }}", 1234567, "1.235M"),
        ("{{ $value | humanize }}", 999, "999"),
        ("{{ $value | humanize }}", -0.0012, "-1.2m"),
        ("{{ humanize $value }}", float("nan"), "NaN"),
        ("{{ $value | humanize1024 }}", 1048576, "1Mi"),
        ("{{ $value | humanize1024 }}B", 1, "1B"),
        ("{{ $value | humanizePercentage }}", 0.12345, "12.35%"),
        ("{{ $value | humanizeDuration }}", 0, "0s"),
        ("{{ $value | humanizeDuration }}", 0.0456, "45.6ms"),
        ("{{ $value | humanizeDuration }}", 1.5, "1.5s"),
        ("{{ $value | humanizeDuration }}", 3725, "1h 2m 5s"),
        ("{{ $value | humanizeDuration }}", -90061, "-1d 1h 1m 1s"),
        ("{{ $value | humanizeDuration }}", 60, "1m 0s"),
        ("{{ $value | humanizeDuration }}", float("inf"), "+Inf"),
        (
            "{{ $value | humanizeTimestamp }}",
            1435065584.128,
            "2015-06-23 13:19:44.128 +0000 UTC",
        ),
        ('{{ printf "%.2f%% of %s" $value $labels.path }}', 0.5, "0.50% of /buy"),
        ('{{ $value | printf "%.0f" }}', 2.6, "3"),
        ("{{ printf `%g|%v|%q` $value $value $labels.code }}", 1e6, '1e+06|1e+06|"500"'),
        ('{{ printf "%.4g" $value }}', 12345.0, "1.234e+04"),
        ("{{ ($value | humanize) | toUpper }}", 2000, "2K"),
        ("{{ $labels.path | toUpper | title }}", 0, "/BUY"),
        ('{{ "a}}b" }}', 0, "a}}b"),
    ],
)
def test_what_is_rendered(text: str, value: float, shown: str) -> None:
    """Values, labels and the common functions are shown as Prometheus shows them."""
    assert render(text, LABELS, value) == shown


def test_labels_that_somebody_else_adds() -> None:
    """A label of the target, which nobody knows here, is left for all to see."""
    text = "{{ $labels.path }} of {{ $labels.instance }} {{ $labels.none }}."

    assert (
        render(text, LABELS, 1, {"instance", "path"}) == "/buy of {{ $labels.instance }} ."
    )


@pytest.mark.parametrize(
    "text",
    [
        "{{ if gt $value 1.0 }}a{{ else }}b{{ end }}",
        '{{ with query "up" }}{{ . | first | value }}{{ end }}',
        "{{ range $labels }}{{ end }}",
        "{{ $externalLabels.cluster }}",
        "{{ $value | reReplaceAll }}",
        "{{ $value | humanize 1 }}",
        '{{ printf "%d" $value }}',
        '{{ printf "%s" $value }}',
        '{{ printf "%f" }}',
        '{{ printf "a" $value }}',
        "{{ $labels | humanize }}",
        '{{ printf "%y" $value }}',
        "{{ printf $value }}",
        '{{ index $value "a" }}',
        '{{ "a\\xff" }}',
        '{{ "a\\k" }}',
        "{{ $value | toUpper }}",
        "{{ 1e30 | humanizeTimestamp }}",
        "{{ (printf }}",
        "{{ $value | $labels }}",
        "{{ $labels.path | humanize }}",
        "{{ $value",
        "{{ ($value }}",
        "{{ }}",
        "{{ $value | }}",
        "{{ $value ? }}",
    ],
)
def test_what_is_left_as_it_stands(text: str) -> None:
    """What is not rendered here, or is wrong, stays in the text for all to see."""
    assert render(text, LABELS, 2.0) == text
