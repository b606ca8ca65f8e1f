"""Go templates that docker and we are given alike, each executed on the same container's object."""

TEMPLATES = r"""
{{range .Args}}x{{.}}{{end}}
{{range .Args}}x{{.}}{{else}}none{{end}}
{{range .Mounts}}x{{.}}{{else}}none{{end}}
{{range $i, $a := .Args}}{{$i}}={{$a}} {{end}}
{{range $k, $v := .Config.Labels}}{{$k}}={{$v}};{{end}}
{{range $v := .Config.Env}}[{{$v}}]{{end}}
{{range .Config.Env}}{{if eq . "A=1"}}{{continue}}{{end}}{{.}}{{break}}{{end}}
{{if .State.Running}}up{{else}}down{{end}}
{{if not .State.Running}}down{{else if eq .State.ExitCode 0}}zero{{else}}else{{end}}
{{with .State}}{{.Status}}{{end}}
{{with .State.Health}}h{{else}}no{{end}}
{{with $x := .Name}}{{$x}}{{end}}
{{$x := .Name}}{{$x}} {{$x = "new"}}{{$x}}
{{$x}}
{{.Name | printf "%s-%d" | printf}}
{{printf "%s-%d" .Name 3}}
{{printf "%q %v %5d|%-5d|%05d %x %X" .Name .State.Pid 3 3 3 255 "hi"}}
{{printf "%d" .Name}}
{{printf "%05d|%5d|%-5d|%.1d|%+d|%05v|%.1v" .Name .Name .Name .Name .Name .Name .Name}}
{{printf "%s" 5}}
{{printf "%s %s" "a"}}
{{printf "%s" "a" "b"}}
{{printf "%T %T %T %T" .Name .State .Args 1}}
{{printf "%v %+v %#v" .State.Running .Args .Args}}
{{printf "%z" 1}}
{{printf "%"}}
{{printf "%.2f %e %g" 3.14159 1.5 1e30}}
{{print 1 2 "a" "b" 3}}
{{println .Name}}
{{index .Args 0}}
{{index .Args 1}}
{{index .Args "a"}}
{{index .Config.Labels "a"}}
{{index .Config.Labels "b.c"}}
{{index .Config.Labels "nope"}}
{{index .NetworkSettings.Networks "none"}}
{{(index .NetworkSettings.Networks "none").IPAddress}}|
{{(index .NetworkSettings.Networks "none").MacAddress}}|
{{index .Id 0}}
{{index .State "x"}}
{{index}}
{{len .Args}} {{len .Name}} {{len .Config.Labels}}
{{len .State}}
{{len 3}}
{{len}}
{{slice .Id 0 12}}
{{slice .Id 0 100}}
{{slice .Id 5 3}}
{{slice .Id 60}}
{{slice .Args 0 1}}
{{eq .State.Status "running"}} {{ne .State.Status "running"}}
{{eq .State.ExitCode 0}} {{eq .State.ExitCode 0 1}} {{eq 1 2 1}}
{{lt 1 2}} {{le 2 2}} {{gt 1 2}} {{ge 2 1}}
{{lt "a" "b"}} {{lt 1.5 2.5}}
{{eq 1 "a"}}
{{lt 1 "a"}}
{{lt true false}}
{{eq .Args .Args}}
{{eq .State.Health nil}}
{{eq 1 1.0}}
{{and 1 0}} {{and 1 2}} {{or 0 "x"}} {{or 0 ""}} {{not 0}}
{{and}}
{{not}}
{{not 1 2}}
{{and .Nope true}}
{{json .State.Running}} {{json .Config.Labels}}
{{.Config.Labels | json}}
{{json}}
{{json . | len | lt 100}}
{{upper .Name}} {{lower "ABC"}} {{title "hello world"}}
{{.Name | upper | printf "%s!"}}
{{upper 3}}
{{upper .State}}
{{upper .State.Pid}}
{{split .Path "e"}}
{{join .Args ","}}
{{join .Config.Env " "}}
{{join .Config.Cmd " "}}
{{join .Config.Entrypoint " "}}|
{{join "a" "b"}}
{{pad .Name 2 3}}|
{{pad "" 2 3}}|
{{truncate .Id 5}}
{{truncate "ab" 5}}
{{truncate .Id -1}}
{{html "<a href='x'>&\"</a>"}}
{{js "it's <b> \"x\""}}
{{urlquery "a b&c=d/e?f~g"}}
{{html .Args}}
{{/* comment */}}x
a {{- .Path -}} b
a {{- /* c */ -}} b
{{/* unclosed
{{/* c */ x}}
{{"a\tb\x41\u00e9"}}
{{`raw\n`}}
{{'a'}} {{'\n'}}
{{0x1f}} {{0b11}} {{0o17}} {{1_000}} {{1e3}} {{1.5}} {{017}}
{{1i}}
{{0x}}
{{1x}}
{{99999999999999999999}}
{{9223372036854775808}}
{{true}} {{false}}
{{nil}}
{{.}}{{end}}
{{if}}x{{end}}
{{if .Id}}x
{{range}}x{{end}}
{{end}}
{{else}}
{{if .Id}}a{{else}}b{{else}}c{{end}}
{{break}}
{{range .Args}}{{break x}}{{end}}
{{define "x"}}T{{.}}{{end}}{{template "x" .Name}}
{{template "nope"}}
{{template "nope" .}}
{{template}}
{{template x}}
{{block "b" .Name}}B{{.}}{{end}}
{{define "x"}}a{{end}}{{define "x"}}b{{end}}
{{define x}}{{end}}
{{define "x"}}
{{if .Id}}{{define "x"}}{{end}}{{end}}
{{define "r"}}{{.}}{{end}}{{range .Args}}{{template "r" .}}{{end}}
{{(.State).Status}}
{{(.State.Pid)}}
{{((eq 1 1))}}
{{(}}
{{)}}
{{(.State}}
{{.State.Running | }}
{{| .State}}
{{.State | 3}}
{{.State.Pid .Name}}
{{.Name "x"}}
{{3 4}}
{{"a" | "b"}}
{{.State.Pid | .Name}}
{{.Id.X}}
{{.State.X}}
{{.State.Health.Status}}
{{.Config.Labels.a}} {{.Config.Labels.nope}}
{{.Config.Labels.a.b}}
{{.Config.Healthcheck.Test}}
{{.HostConfig.Memory}} {{.HostConfig.CpuShares}} {{.HostConfig.CPUShares}}
{{.HostConfig.Dns}} {{.HostConfig.DNS}}
{{.HostConfig.RestartPolicy}}
{{.HostConfig.RestartPolicy.Name}}
{{.HostConfig.LogConfig}}
{{.HostConfig.PortBindings}}
{{.Mounts}}
{{.Args}}{{.Config.Cmd}}{{.Config.Env}}
{{.GraphDriver.Name}}
{{.State.Log}}
{{.HostConfig.Init}}
{{.HostConfig.MemorySwappiness}}
{{.HostConfig.ConsoleSize}}
{{.HostConfig.MaskedPaths}}
{{.NetworkSettings.Ports}}
{{range $p, $conf := .NetworkSettings.Ports}}{{$p}} -> {{(index $conf 0).HostPort}}{{end}}
{{range $k, $v := .NetworkSettings.Networks}}{{$k}}{{end}}
{{range .NetworkSettings.Networks}}{{.IPAddress}}{{.Gateway}}|{{.NetworkID | len}}{{end}}
{{range .Id}}x{{end}}
{{range .State}}x{{end}}
{{range 3}}{{.}}{{end}}
{{range $i := 3}}{{$i}}{{end}}
{{range $i, $j := 3}}{{$i}}{{end}}
{{range $a, $b, $c := .Args}}{{end}}
{{range $a, 3 := .Args}}{{end}}
{{$a, $b := .Args}}
{{with .Nope}}x{{end}}
{{if .State.Nope}}x{{end}}
{{.Nope.Foo}}
{{.$}}
{{$.Name}}
{{range .Args}}{{$.Name}}{{end}}
{{foo}}
{{.foo-bar}}
{{.a b}}
{{ .Id
{{.Id }
{{.Id}} {{
{{"abc}}
{{`abc}}
{{'a}}
{{'ab'}}
{{"a\q"}}
{{.Id;}}
{{.Id ; .Name}}
{{@}}
{{é}}
{{.é}}
{{a:b}}
{{$x:=1}}{{$x}}
{{$x:= 1}}{{$x}}
{{$x = 1}}
{{.Name := 1}}
{{$x := }}
{{call .Name}}
{{call nil}}
{{call}}
{{eq}}
{{eq 1}}
{{print}}|
{{println}}|
{{len nil}}
{{index nil 1}}
{{print nil}}
{{print .State.Health}}
{{printf nil}}
{{not nil}}
{{if nil}}x{{end}}
{{range nil}}x{{end}}
{{with nil}}x{{end}}
{{json nil}}
{{.State.Health}}
{{.State}}
{{json .State}}
{{.Config.Volumes}} {{.Config.OnBuild}} {{.Config.Entrypoint}}
{{.Created}}
{{if and .State.Running (not .State.Paused)}}ok{{end}}
{{if or (eq .State.Status "x") (gt .State.Pid 1)}}ok{{end}}
{{gt .State.Pid 1}}
{{gt .State.Pid "1"}}
{{.State.Pid | gt 5}}
{{index .Args 0 | len}}
{{index (split .Name "1") 0}}
{{range split "a,b,c" ","}}<{{.}}>{{end}}
{{range $i, $e := split "a,b,c" ","}}{{if $i}}, {{end}}{{$e}}{{end}}
{{- .Name -}}
{{-3}}
{{- 3}}
{{ -3 }}
{{+3}}
x{{- -3}}
{{else if}}
{{if .Id}}{{else if .Name}}{{end}}{{end}}
{{range .Args}}{{else if .}}{{end}}
{{with .Nope}}a{{else with .Name}}b{{.}}{{end}}
{{with .State.Health}}a{{else with .Name}}b{{.}}{{end}}
{{.State.Status.X}}
{{.Args.X}}
{{.Config.Env.A}}
{{printf "%s" .State}}
{{printf "%v" .HostConfig.RestartPolicy}}
{{printf "%+v" .HostConfig.RestartPolicy}}
{{printf "%#v" .HostConfig.RestartPolicy}}
{{printf "%t %c %U %o %b" true 65 65 8 5}}
{{printf "%*d" 5 3}}
{{printf "%-10s|%10s|%.2s" "ab" "cd" "efg"}}
{{printf "%d %s" .Args .Args}}
{{printf "%q" .Args}}
{{printf "%x" .Name}}
{{printf "%v" nil}}
{{printf "%d%%" 5}}
{{printf "%6.2f|%+d|% d" 3.14159 3 3}}
{{printf "%v %v" 1.0 1e21}}
{{1.0}} {{1e20}} {{1e21}} {{0.00001}} {{123456789.0}}
{{title "it's a dog's life"}}
{{.NetworkSettings.IPAddress}}|
{{.HostConfig.NanoCpus}} {{.HostConfig.NanoCPUs}}
{{.HostConfig.Ulimits}}
{{.SizeRw}}
{{.Platform}} {{.Driver}} {{.RestartCount}}
line1
{{range .Args -}} x {{- end}}|
{{range .Args}} {{.}} {{end -}}   |
{{if eq (len .Args) 1}}one{{end}}
{{(index .Args 0).Foo}}
{{$s := .State}}{{$s.Status}} {{$s.Nope}}
{{define "a"}}{{template "a"}}{{end}}{{template "a"}}
{{break}}{{continue}}
{{block "x"}}{{end}}
{{template "a" 1 2}}
{{.Id | template "x"}}
{{if .Id | eq "x"}}{{else}}n{{end}}
{{true | not}}
{{"x" | eq "x" "y"}}
{{1 | index .Args}}
{{0 | index .Args}}
{{.Args | index 0}}
{{"quoted string longer than ten chars"  foo}}
{{json .Mounts}}
{{json .HostConfig.LogConfig}}
{{json .NetworkSettings.Networks}}
{{json "<>&"}}
{{len "é"}} {{slice "é" 0 1 | printf "%q"}}
{{printf "%5t|%q|%v" true 'x' 'x'}}
{{1000000.0}} {{123456.0}} {{1234567.5}} {{0.0001}} {{-1.5e-7}}
{{printf "%v" 100000.0}} {{printf "%g" 1e6}} {{printf "%e" 12345.678}} {{printf "%G" 1e-9}}
{{1+2i}} {{-1.5i}} {{printf "%v" 1i}}
{{range "abc"}}{{.}}{{end}}
{{range .Name}}{{.}}{{end}}
{{index "abc" 1}} {{index "abc" 3}}
{{index "abc" 5}}
{{index .Args 5}}
{{printf "%+v" .State}}
{{printf "%#v" .Config.Labels}}
{{printf "%v" .State.Pid | len | gt 0}}
{{call 3}}
{{call .State.Pid 1 2}}
{{title "aB cd-ef gh_ij 3x"}}
{{define "a"}}{{if .Id}}{{template "a" .}}{{end}}{{end}}{{template "a" .}}
{{with $a := 1}}{{$a}}{{end}}{{$a}}
{{if $a := 1}}{{$a}}{{else}}{{$a}}{{end}}
{{range $i, $_ := .Args}}{{$i}}{{end}}
{{ $l := len .Args }}{{ if gt $l 0 }}{{ $l }}{{ end }}
{{range $k, $v := .HostConfig.LogConfig.Config}}{{$k}}{{end}}
{{.HostConfig.LogConfig.Config}}
{{json .HostConfig.RestartPolicy}}
{{eq .HostConfig.NetworkMode "none"}} {{eq .HostConfig.NetworkMode .HostConfig.IpcMode}}
{{if .HostConfig.NetworkMode}}x{{end}}
{{upper .HostConfig.NetworkMode}}
{{.HostConfig.NetworkMode | upper}}
{{.HostConfig.NetworkMode | printf "%s" | upper}}
{{len .HostConfig.MaskedPaths}}
{{index .HostConfig.MaskedPaths 0}}
{{.State.StartedAt | truncate 3}}
{{truncate .State.StartedAt 10}}
{{slice .State.StartedAt 0 10}}
{{.Config.Labels | len}}
{{range $k, $v := .Config.Labels}}{{printf "%-5s=%5s|" $k $v}}{{end}}
{{join (split "a.b.c" ".") "/"}}
{{(split "a.b" ".")}}
{{index (split "a.b" ".") 3}}
{{print "a" 1 2 "b"}}{{print 1 "a"}}{{print true false}}
{{html 1 "<" 2}} {{urlquery "a" 1}} {{js 1 2}}
{{js "\n\t/;`é"}}
{{html "é\u0000"}}
{{printf "%08.3f|%+.2e|%x|%X|%#x|% x" 3.14159 12345.678 "hello" 255 255 "abc"}}
{{printf "%[2]d %[1]d" 1 2}}
{{printf "%!"}}
{{printf "%-5d|%05d|%5.2d" 3 -3 3}}
{{printf "%s|%v|%d" true true true}}
{{printf "%s" nil}} {{printf "%d" nil}}
{{printf "%s" .Args}} {{printf "%d" .Args}}
{{printf 3}}
{{printf "%s %s %s" "a" .State.Pid .Args}}
{{printf "%5s|%-5s|%.1s" "é" "é" "éa"}}
{{printf "%t" "x"}}
{{printf "%c" "x"}}
{{printf "%U" 'é'}}
{{printf "%q" 65}} {{printf "%q" 3.5}}
{{printf "%p" 1}}
{{not .Name}} {{not ""}} {{not .Args}} {{not .Config.Entrypoint}}
{{and .Name .Args}} {{or .Config.Entrypoint .Args}}
{{and true false | or true}}
{{eq .State.Running true}} {{eq .Name .Name "x"}}
{{eq .State .State}}
{{eq .Config.Labels .Config.Labels}}
{{eq .Config.Labels nil}}
{{eq nil nil}}
{{eq .Nope nil}}
{{ne .State.Health nil}}
{{lt .State.Pid 3.5}}
{{lt nil 1}}
{{le "a" "a"}} {{ge "a" "b"}}
{{eq 'a' 97}}
{{.State.Pid}} {{.State.Pid}}{{.State.Running}}
{{ .Config.Env | json }}
{{json .Config.Env | printf "%s"}}
{{.Config.Labels | printf "%v"}}
{{- /* a */ -}}
{{- "x" -}}   y {{- "z"}}
{{"a"}}{{/* c */}}{{"b"}}
{{ /* c */ }}
{{/* c */}}
{{/*c*/-}} x
{{-/*c*/}}
{{"}}"}}
{{ "{{" }}
{{`}}`}}
}}{{.Name}}
{{.Name}}}}
{{{.Name}}}
{ {.Name} }
{{.Name}
{{ . | . }}
{{ .State | . }}
{{ .Name | .Id }}
{{ $.Id.X }}
{{ (.State).X }}
{{ (len .Args).X }}
{{ (nil).X }}
{{ nil.X }}
{{ "a".X }}
{{ 3.X }}
{{ true.X }}
{{ ..X }}
{{ .X. }}
{{ .Id.}}
{{ $x.y := 1 }}
{{ $ := 1 }}
{{ range $ }}x{{ end }}
{{ define "a" }}{{ . }}{{ end }}{{ define "b" }}{{ template "a" . }}{{ end }}{{ template "b" 3 }}
{{ template "a" . }}{{ define "a" }}<{{ .Name }}>{{ end }}
{{ define "a" }}{{ $x }}{{ end }}
{{ define "a" }}{{ .Nope }}{{ end }}{{ template "a" . }}
{{ define "a" }}{{ len 3 }}{{ end }}{{ template "a" . }}
{{ block "a" . }}{{ .Nope.X }}{{ end }}
{{ block }}
{{ if .Id }}{{ else }}
{{ if .Id }}{{ end x }}
{{ end x }}
{{ else x }}
{{ if .Id }}{{ else x }}{{ end }}
{{ with }}{{ end }}
{{ range .Args }}{{ end }}{{ end }}
{{ range .Args }}{{ if true }}{{ break }}{{ end }}{{ end }}
{{ range .Args }}{{ continue }}{{ end }}
{{ continue }}
{{ define "a" }}{{ break }}{{ end }}
{{ range .Args }}{{ define "a" }}{{ end }}{{ end }}
{{ index .Config.Labels }}
{{ index .Config.Labels 1 }}
{{ index .Config.Labels nil }}
{{ index .Args nil }}
{{ index .Args -1 }}
{{ index .Args 0 0 }}
{{ index .Args 0 0 0 }}
{{ index .NetworkSettings.Networks "none" "x" }}
{{ index .HostConfig.PortBindings "80/tcp" }}
{{ index .Config.ExposedPorts "80/tcp" }}
{{ (index .HostConfig.PortBindings "80/tcp") }}
{{ (index (index .NetworkSettings.Ports "80/tcp") 0).HostPort }}
{{ slice }}
{{ slice .Id }}
{{ slice nil }}
{{ slice 3 1 }}
{{ slice .Id 1 2 3 }}
{{ slice .Args 0 1 1 }}
{{ slice .Id "a" }}
{{ slice .Id 1 2 3 4 }}
{{ join .Args }}
{{ join .Args "," "x" }}
{{ join .State "," }}
{{ join nil "," }}
{{ join .Config.Env 3 }}
{{ split "a" }}
{{ split .State.Pid "," }}
{{ split "abc" "" }}
{{ pad "a" -1 1 }}
{{ pad "a" "b" 1 }}
{{ pad .Name 1 }}
{{ truncate "a" "b" }}
{{ truncate "a" 1.5 }}
{{ truncate "abc" 2.0 }}
{{ lower nil }}
{{ lower .Nope }}
{{ lower 'a' }}
{{ json .Nope }}
{{ .Nope }}
{{ .State.Nope }}
{{ .Config.Nope }}
{{ .Config.Healthcheck }}
{{ .Config.Healthcheck.Interval }}
{{ .Config.StopTimeout }}
{{ .HostConfig.OomKillDisable }} {{ .HostConfig.PidsLimit }}
{{ if .HostConfig.OomKillDisable }}x{{ else }}y{{ end }}
{{ len "" }} {{ len (split "" ",") }}
{{ len .Config.Volumes }} {{ len .Mounts }} {{ len .HostConfig.Binds }}
{{ len .State.Health }}
{{ len .Config.Healthcheck.Test }}
{{ .Mounts | json }} {{ .HostConfig.Binds | json }}
""".strip("\n").split("\n")

# Of a network, whose Created is a time for docker's client.
NETWORK_TEMPLATES: list[str] = [
    "{{.Created}}",
    '{{printf "%T" .Created}}',
    "{{json .Created}}",
    *(
        "{{.Created." + method + "}}"
        for method in (
            *("Year", "Month", "Day", "Hour", "Minute", "Second", "Nanosecond", "YearDay"),
            *("Weekday", "Unix", "UnixMilli", "UnixMicro", "UnixNano", "UTC", "Local", "Location"),
            *("IsZero", "IsDST", "String", "GoString", "MarshalText", "MarshalJSON"),
            *("MarshalBinary", "Foo", "Format", "Date", "Clock", "Zone", "ISOWeek", "In nil"),
            *("AddDate 0 1 -1", "AddDate 1 -14 40", "Add 1000000000", "Truncate 1000"),
            *("Round 3600000000000", "Truncate -1", "Month.String", "Weekday.String"),
            *("Location.String", "UTC.Year", "Year 1", "wall"),
        )
    ),
    *(
        '{{.Created.Format "' + layout + '"}}'
        for layout in (
            "2006-01-02T15:04:05.999999999Z07:00",
            "Mon Jan _2 15:04:05.000 MST 2006",
            "Monday, January 2, 06 at 3:4:5pm, 03PM -07 -0700 -07:00:00 Z0700 Z070000",
            "002 __2 _2006 1 01 .0 ,999 5.99x 05.000000000 .0001",
            "Janu Mond 20060102150405",
            "",
        )
    ),
    "{{.Created.Equal .Created}} {{.Created.Before .Created}} {{.Created.After .Created}}",
    "{{.Created.Compare .Created}} {{.Created.Sub .Created}}",
    "{{with .Created}}{{.Day}}{{end}}",
    "{{((.Created.AddDate 0 0 2).Sub .Created).Hours}}",
    "{{((.Created.Add 1500).Sub .Created)}}",
    "{{((.Created.Add 90061500000000).Sub .Created).String}}",
    '{{printf "%s %q %x" .Created.Weekday .Created.Month (.Created.Sub .Created)}}',
    "{{((.Created.Add 90061500000000).Sub .Created).Minutes}}",
    '{{printf "%d %v %s" .Created.Month .Created.Month .Created.Weekday}}',
    '{{printf "%v|%s|%q" .Created .Created .Created}}',
    "{{len .Created}} {{slice .Created 0 4}} {{index .Created 0}}",
    "{{eq .Created .Created}}",
    "{{eq .Created.Year 2000}} {{lt 2000 .Created.Year}}",
    "{{print .Created.Month .Created.Day}}",
]
