"""Small Jinja constructs rendered by transformers' environment, to hold the TypeScript engine to Jinja2.

Writes templates/constructs.json: {variables, date, cases: [{source, text} | {source, error}]}. A case has `error`, the
name of the exception, where Python raises. Sources are the lines of SOURCES; the variables are the same for all, as JSON
text, since the order of their keys matters and JavaScript moves keys that look like numbers to the front.
"""

import json
from datetime import datetime

import jinja2
from transformers.utils import chat_template_utils
from transformers.utils.chat_template_utils import _compile_jinja_template

from golden_io import write_json

DATE = datetime(2026, 2, 3, 4, 5, 6)
VARIABLES = {
    "text": " Hello World \n",
    "words": "one two,three  four",
    "empty": "",
    "nothing": None,
    "yes": True,
    "number": 7,
    "half": 0.5,
    "accents": "Ünïcödé ß 😀!",
    "items": [3, 1, 2],
    "names": ["bob", "Alice", "carol", "alice"],
    "mapping": {"b": 1, "a": "x", "10": None},
    "nested": {"list": [1, {"k": "v"}], "get": "own"},
    "users": [
        {"name": "Bob", "age": 30, "tags": ["x"]},
        {"name": "alice", "age": 25, "tags": []},
        {"name": "Carol", "age": 30, "tags": ["y", "z"]},
    ],
    "messages": [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Hi\n"},
        {"role": "assistant", "content": "<think>\nhm\n</think>\n\nHello"},
    ],
}

# One construct a line, or several lines between lines of `---`.
SOURCES = r"""
{{ true }} {{ false }} {{ none }} {{ True }} {{ None }}
{{ yes }} {{ nothing }} {{ missing }}|
{{ [1, 'a', none, true, 1.5, "it's"] }}
{{ {'a': 1, 'b': [2], 3: (4,), none: ()} }}
{{ ('a', 'b') }} {{ (1,) }} {{ () }}
{{ 'quote "double"' ~ ["a'b", 'c"d', 'e"\'f', 'tab\t', 'é', '\x07', '😀', '\u200b', '\u00a0'] }}
{{ mapping }} {{ mapping.items() }} {{ mapping.keys() }} {{ mapping.values() }}
{{ users[0] }}
{{ 7 / 2 }} {{ 6 / 2 }} {{ 7 // 2 }} {{ -7 // 2 }} {{ 7 % 3 }} {{ -7 % 3 }} {{ 7 % -3 }} {{ -7.5 % 2 }} {{ 7.5 // 2 }}
{{ 2 ** 10 }} {{ 2 ** 0.5 }} {{ 2 ** -1 }} {{ 2 ** 3 ** 2 }} {{ -2 ** 2 }} {{ 2 ** 100 }}
{{ 1 + 2 * 3 - 4 }} {{ (1 + 2) * 3 }}
{{ 1 ~ 2 + 3 }}
{{ '1' + 2 ~ 3 }} {{ 1 ~ -2 * 3 }}
{{ 1 + 2 ~ 3 }}
{{ 'a' ~ 1 ~ none ~ true ~ 1.0 ~ [1] }}
{{ 'ab' * 3 }} {{ 3 * 'ab' }} {{ [1] * 2 }} {{ 'a' * -1 }}|{{ (1, 2) * 2 }}
{{ 'a' 'b' "c" }}
{{ 1_000 }} {{ 0x1F }} {{ 0b101 }} {{ 0o17 }} {{ 1e3 }} {{ 1.5e-7 }} {{ 1e16 }} {{ 123456789012345680.0 }} {{ 1e22 }}
{{ 0.1 + 0.2 }} {{ 1.0 }} {{ 100000.0 }} {{ 1e15 }} {{ 0.0001 }} {{ 0.00001 }} {{ -0.0 }} {{ 3.14159 }}
{{ 12345678901234567890 + 1 }}
{{ true + 1 }} {{ true == 1 }} {{ 1 == 1.0 }} {{ '1' == 1 }} {{ none == false }}
{{ 1 < 2 < 3 }} {{ 1 < 3 < 2 }} {{ 1 < 2 == 2 }} {{ 'a' < 'b' }} {{ [1, 2] < [1, 3] }} {{ (1,) < (1, 0) }}
{{ 1 < 'a' }}
{{ none < 1 }}
{{ 'x' in 'xyz' }} {{ 'x' not in 'xyz' }} {{ 1 in [1.0] }} {{ 'a' in mapping }}
{{ 1 in 'a' }}
{{ 'a' in missing }} {{ 2 in range(3) }} {{ 'b' in mapping.keys() }}
{{ none in mapping }} {{ none in [none] }}
{{ 1 in none }}
{{ not true }} {{ not '' }} {{ not not 1 }} {{ not 1 == 2 }}
{{ 1 and 2 }} {{ 0 and 2 }} {{ '' or 'x' }} {{ none or false }} {{ 1 or 2 and 0 }}
{{ 'a' if yes else 'b' }} {{ 'a' if not yes }}| {{ 'a' if nothing else 'b' if empty else 'c' }}
{{ ('a' if not yes) is defined }}
{{ -number }} {{ +number }} {{ --number }} {{ -half }} {{ -true }}
{{ -'a' }}
{{ -7|abs }} {{ -7.5|abs }} {{ -1|string + '!' }}
{{ 'a' + 1 }}
{{ 1 + 'a' }}
{{ 'a' + missing }}
{{ missing + 'a' }}
{{ [1] + [2] }} {{ (1,) + (2,) }}
{{ [1] + (2,) }}
{{ 1 / 0 }}
{{ 1 % 0 }}
{{ missing.x }}
{{ missing['x'] }}
{{ missing() }}
{{ none.x }}|{{ 'a'.x }}|{{ (1).x }}|{{ mapping.zzz }}|{{ items.zzz }}
{{ none.x.y }}
{{ none() }}
{{ missing | length }} {{ missing | list }} {{ missing | upper }}| {{ missing | join }}| {{ missing == missing }} {{ missing == none }}
{{ missing | int }}
{{ missing | tojson }}
{{ items[0] }} {{ items[-1] }} {{ items[5] }}| {{ items['x'] }}| {{ items.0 }} {{ items[true] }}
{{ items[1:] }} {{ items[:-1] }} {{ items[::-1] }} {{ items[::2] }} {{ items[2:0:-1] }} {{ items[-2:] }} {{ items[5:] }} {{ items[:] }}
{{ text[1:4] }} {{ text[::-1] }} {{ 'abcdef'[-2::-2] }} {{ 'abc'[10:] }}| {{ 'abc'[-10:2] }} {{ (1, 2, 3)[1:] }}
{{ items[::0] }}
{{ accents[0] }} {{ accents | length }} {{ accents[-2] }} {{ accents[::-1] }} {{ accents.find('!') }} {{ accents[9:] }}
{{ mapping['a'] }} {{ mapping.a }} {{ mapping['10'] }} {{ mapping[10] }}| {{ {1: 'x'}[1] }} {{ {1: 'x'}[1.0] }} {{ {1: 'x'}[true] }} {{ {'1': 'x'}[1] }}|
{{ mapping.get('a') }} {{ mapping.get('z') }} {{ mapping.get('z', 5) }} {{ nested.get('list') }} {{ nested['get'] }} {{ nested['items'] is callable }}
{{ {(1, 2): 'x'}[1, 2] }}
{{ {[1]: 2} }}
{{ {'a': 1, 'a': 2} }} {{ {1: 'a', 1.0: 'b', true: 'c'} }}
{{ mapping[[1]] }}|
{{ mapping.update({'z': 1}) }}
{{ items.append(4) }}
{{ items.append is defined }} {{ mapping.pop is defined }} {{ ''.__class__ is defined }}
{{ ''.__class__ }}
{{ items.index(1) }} {{ items.count(3) }} {{ (1, 2, 1).count(1) }}
{{ items.index(9) }}
{{ 'a,b,c'.split(',') }} {{ 'a,b,c'.split(',', 1) }} {{ words.split() }} {{ words.split(None, 1) }} {{ ' a  b '.split(' ') }} {{ ''.split() }} {{ ''.split(',') }} {{ 'a,b,c'.split(',', maxsplit=1) }}
{{ 'a b  c '.split(none, 1) }} {{ ' a b c'.rsplit(none, 1) }} {{ 'a</t>b</t>c'.split('</t>')[-1] }}
{{ 'a'.split('') }}
{{ 'a,b,c'.rsplit(',', 1) }} {{ 'a,b,c'.rsplit(',') }} {{ ',a,'.rsplit(',', 5) }} {{ 'aaa'.rsplit('aa') }} {{ 'aaa'.split('aa') }}
{{ text.strip() }}|{{ text.lstrip() }}|{{ text.rstrip() }}| {{ 'xxaxx'.strip('x') }} {{ 'abcba'.lstrip('ab') }} {{ 'abcba'.rstrip('ab') }} {{ '\x1ca\x85'.strip() ~ '|' }} {{ '\ufeffa'.strip() | length }}
{{ 'hello world'.title() }} {{ "it's ok".title() }} {{ 'a1b-c d'.title() }} {{ 'hELLO wORLD'.capitalize() }} {{ 'ß x'.upper() }} {{ 'ǆ'.title() }}
{{ 'aBc'.swapcase() }} {{ 'ABC'.lower() }} {{ 'STRASSE ß'.casefold() }} {{ 'ΑΣ'.lower() }}
{{ 'aaa'.replace('a', 'b') }} {{ 'aaa'.replace('a', 'b', 2) }} {{ 'abc'.replace('', '-') }} {{ 'abc'.replace('', '-', 2) }} {{ 'a'.replace('z', 'y') }} {{ 'aaa'.replace('a', 'b', -1) }} {{ 'a.b'.replace('.', '$&') }}
{{ 'abc'.startswith('ab') }} {{ 'abc'.startswith(('x', 'a')) }} {{ 'abc'.endswith('c') }} {{ 'abc'.startswith('b', 1) }} {{ 'abc'.endswith('b', 0, 2) }}
{{ 'abc'.startswith(['a']) }}
{{ 'abcabc'.find('c') }} {{ 'abcabc'.rfind('c') }} {{ 'abc'.find('z') }} {{ 'abcabc'.find('a', 1) }} {{ 'abc'.index('b') }} {{ 'abcabc'.count('b') }} {{ 'abc'.count('') }} {{ 'aXbX'.rindex('X') }}
{{ 'abc'.index('z') }}
{{ 'a-b-c'.partition('-') }} {{ 'a-b-c'.rpartition('-') }} {{ 'abc'.partition('-') }} {{ 'abc'.rpartition('-') }}
{{ 'unhappy'.removeprefix('un') }} {{ 'file.txt'.removesuffix('.txt') }} {{ 'a'.removesuffix('') }}
{{ 'a\nb\r\nc\n'.splitlines() }} {{ 'a\nb\n'.splitlines(true) }} {{ ''.splitlines() }} {{ '\n'.splitlines() }} {{ 'a\x0bb\u2028c'.splitlines() }}
{{ ','.join(['a', 'b']) }} {{ ''.join('abc') }} {{ '-'.join(mapping) }}
{{ ','.join([1]) }}
{{ 'a'.center(5) }}| {{ 'ab'.center(5, '*') }} {{ 'ab'.center(7, '*') }} {{ 'a'.center(4, '*') }} {{ 'a'.ljust(3, '-') }} {{ 'a'.rjust(3) }} {{ '7'.zfill(3) }} {{ '-7'.zfill(4) }}
{{ 'a1'.isalnum() }} {{ 'a'.isalpha() }} {{ '12'.isdigit() }} {{ '²'.isdigit() }} {{ '½'.isnumeric() }} {{ '1.5'.isdigit() }} {{ ' \t'.isspace() }} {{ ''.isspace() }} {{ 'é'.isascii() }} {{ 'A1'.isupper() }} {{ 'a1'.islower() }} {{ '1'.islower() }} {{ 'Ab Cd'.istitle() }} {{ 'AbC'.istitle() }}
{{ '{} {}'.format(1, 'a') }} {{ '{1} {0}'.format(1, 2) }} {{ '{x}'.format(x=3) }} {{ '{:.2f}'.format(3.14159) }} {{ '{:>5}|{:<5}|{:^5}'.format('a', 'b', 'c') }} {{ '{:05d}'.format(42) }} {{ '{:,}'.format(1234567) }} {{ '{{}}'.format() }} {{ '{!r}'.format('a') }} {{ '{0.name}{0[age]}'.format(users[0]) }} {{ '{:x}'.format(255) }} {{ '{:+d}'.format(5) }} {{ '{:.1%}'.format(0.256) }} {{ '{:.3}'.format('abcdef') }} {{ '{:e}'.format(12345.678) }}
{{ '{}'.format() }}
{{ '%s is %d' % ('a', 3) }} {{ '%s' % 'x' }} {{ '%.2f' % 2.345 }} {{ '%05.1f|%-5s|%5s' % (3.14159, 'a', 'b') }} {{ '%x' % 255 }} {{ '%%' % () }} {{ '%(a)s' % mapping }} {{ '%r' % 'a' }} {{ '%s' % [1, 2] }} {{ '%s' % none }}
{{ '%s %s' % 'a' }}
{{ '%s'|format('a') }} {{ '%d-%s'|format(1, 'b') }} {{ '%(x)s'|format(x=2) }}
{{ 'x'.nonsense() }}
{{ text | trim }}| {{ 'xax' | trim('x') }} {{ text | upper }}| {{ 'ABC' | lower }} {{ 'hello world-foo (bar) [baz]' | title }} {{ 'hELLO' | capitalize }} {{ "it's" | title }}
{{ 5 | string + 'a' }} {{ none | string }} {{ [1] | string }} {{ none | upper }} {{ 5 | trim }}
{{ 'a,b' | replace(',', ';') }} {{ 'aaa' | replace('a', 'b', 1) }} {{ 111 | replace(1, 2) }}
{{ missing | default('d') }} {{ '' | default('d') }}| {{ '' | default('d', true) }} {{ none | default('d') }} {{ none | default('d', boolean=true) }} {{ missing | d }}|
{{ missing.x | default('d') }}
{{ mapping.zzz | default('d') }} {{ 0 | d(5, true) }}
{{ items | join }} {{ items | join(', ') }} {{ users | join(', ', attribute='name') }} {{ 'abc' | join('-') }} {{ [none, true, 1.0] | join(' ') }} {{ mapping | join(',') }} {{ items | join(1) }}
{{ items | length }} {{ 'abc' | count }} {{ mapping | length }} {{ mapping.items() | length }}
{{ 5 | length }}
{{ (items | map('string')) | length }}
{{ items | first }} {{ items | last }} {{ [] | first }}| {{ 'abc' | last }} {{ mapping | first }} {{ [] | first is defined }}
{{ items | map('string') | last }}
{{ items | sort }} {{ items | sort(reverse=true) }} {{ names | sort }} {{ names | sort(case_sensitive=true) }} {{ users | sort(attribute='age') | map(attribute='name') | list }} {{ users | sort(attribute='age,name', reverse=true) | map(attribute='name') | list }} {{ mapping | sort }}
{{ [1, 'a'] | sort }}
{{ items | reverse | list }} {{ 'abc' | reverse }} {{ mapping | reverse | list }}
{{ names | unique | list }} {{ names | unique(case_sensitive=true) | list }} {{ [1, 1.0, true, 2] | unique | list }} {{ users | unique(attribute='age') | map(attribute='name') | join(' ') }}
{{ items | min }} {{ items | max }} {{ names | min }} {{ users | max(attribute='age') }} {{ [] | max }}|
{{ items | sum }} {{ users | sum(attribute='age') }} {{ items | sum(start=10) }} {{ [0.1, 0.2] | sum }} {{ [] | sum }}
{{ users | map(attribute='name') | list }} {{ users | map(attribute='zip', default='?') | list }} {{ names | map('upper') | join(' ') }} {{ ['a-b', 'c'] | map('replace', '-', '+') | list }} {{ users | map(attribute='tags.0', default=none) | list }} {{ [[1, 2], [3]] | map('length') | list }} {{ none | map('upper') | list }} {{ users | map(attribute='zip') | list | length }}
{{ items | map('nonsense') | list }}
{{ [0, 1, '', 'a', none] | select | list }} {{ [0, 1, '', 'a', none] | reject | list }} {{ items | select('odd') | list }} {{ items | select('gt', 1) | list }} {{ items | reject('equalto', 1) | list }} {{ items | select('in', [1, 2]) | list }} {{ none | select | list }}
{{ users | selectattr('tags') | map(attribute='name') | list }} {{ users | selectattr('age', 'equalto', 30) | map(attribute='name') | join }} {{ users | rejectattr('age', '>', 26) | map(attribute='name') | join }} {{ none | selectattr('x') | list }} {{ missing | selectattr('x') | list }} {{ messages | selectattr('role', 'eq', 'user') | first }} {{ messages | selectattr('tool_calls', 'defined') | list | length }} {{ users | rejectattr('tags') | list | length }}
{{ users | groupby('age') }}
{% for age, group in users | groupby('age') %}{{ age }}: {{ group | map(attribute='name') | join(', ') }}; {% endfor %}
{% for g in users | groupby('zip', default='none') %}{{ g.grouper }}={{ g.list | length }} {% endfor %}
{{ mapping | dictsort }} {{ {'b': 1, 'A': 2} | dictsort }} {{ {'b': 1, 'A': 2} | dictsort(true) }} {{ {'x': 2, 'y': 1} | dictsort(by='value') }} {{ {'x': 2, 'y': 1} | dictsort(reverse=true) }}
{{ mapping | items | list }} {{ missing | items | list }} {% for k, v in mapping | items %}{{ k }}={{ v }} {% endfor %}
{{ none | items | list }}
{{ [1, 2, 3, 4, 5] | batch(2) | list }} {{ [1, 2, 3] | batch(2, 'x') | list }} {{ [1, 2, 3, 4, 5] | slice(2) | list }} {{ [1, 2, 3] | slice(2, 'x') | list }}
{{ 'a\nb\n\nc' | indent }}| {{ 'a\nb' | indent(2, true) }} {{ 'a\n\nb' | indent(2, blank=true) }} {{ 'a\nb' | indent('> ') }} {{ 'a\nb\n' | indent(1) }}|
{{ none | indent }}
{{ 'one two, three-four' | wordcount }} {{ '' | wordcount }} {{ accents | wordcount }}
{{ 42.55 | round }} {{ 42.55 | round(1) }} {{ 2.5 | round }} {{ 0.5 | round }} {{ 1.5 | round }} {{ 2.675 | round(2) }} {{ 42.1 | round(method='ceil') }} {{ 42.19 | round(1, 'floor') }} {{ 42 | round }} {{ 1234 | round(-2) }} {{ 0.125 | round(2) }} {{ 1250.0 | round(-2) }} {{ true | round }}
{{ '42' | int }} {{ '42.9' | int }} {{ 'x' | int }} {{ 'x' | int(5) }} {{ 3.9 | int }} {{ -3.9 | int }} {{ none | int }} {{ '0x1f' | int(base=16) }} {{ '101' | int(0, 2) }} {{ ' 7 ' | int }} {{ true | int }} {{ '1_000' | int }} {{ '1e3' | int }} {{ [] | int }}
{{ '1.5' | float }} {{ 'x' | float }} {{ 3 | float }} {{ 'x' | float(2.5) }} {{ none | float }} {{ '1e3' | float }} {{ 'inf' | float }} {{ 'nan' | float }} {{ '-inf' | float }} {{ '.5' | float }}
{{ 'abc' | list }} {{ mapping | list }} {{ range(3) | list }} {{ (1, 2) | list }}
{{ none | list }}
{{ [1, 2.0, 'é"\\\n', none, true, {'a': {}, 'b': []}] | tojson }}
{{ 1.0 | tojson }} {{ 'é<>&\'' | tojson }} {{ 'é😀' | tojson(ensure_ascii=true) }} {{ mapping | tojson(sort_keys=true) }} {{ {1: 2, none: 3, true: 4, 1.5: 5} | tojson }} {{ (1, 2) | tojson }} {{ 1e100 | tojson }} {{ '\x7f\u2028' | tojson }} {{ '\x7fé' | tojson(true) }}
{{ nested | tojson(indent=2) }}
{{ nested | tojson(indent='--') }} {{ [] | tojson(indent=2) }} {{ {} | tojson(indent=2) }} {{ nested | tojson(separators=(',', ':')) }} {{ [1, 2] | tojson(indent=0) }} {{ nested | tojson(indent=4, separators=(', ', ': ')) }}
{{ range(3) | tojson }}
{{ mapping.items() | tojson }}
{{ 'a b/c?é' | urlencode }} {{ {'a': 1, 'b c': 'd/e'} | urlencode }}
{{ 'foo bar baz qux' | truncate(9) }} {{ 'foo bar baz qux' | truncate(9, true) }} {{ 'foo bar baz qux' | truncate(11) }} {{ 'foo bar baz qux' | truncate(11, false, '..', 0) }}
{{ 'abc' | center(9) }}|
{{ users[0] | attr('name') }}| {{ 'abc' | attr('upper') is callable }}
{{ 'x' | safe }} {{ 5 | safe }}
{{ 1 is number }} {{ true is number }} {{ 1 is integer }} {{ true is integer }} {{ 1.0 is integer }} {{ 1.0 is float }} {{ 'a' is string }} {{ none is none }} {{ none is string }} {{ true is boolean }} {{ 1 is boolean }} {{ true is true }} {{ 1 is true }} {{ false is false }}
{{ missing is defined }} {{ missing is undefined }} {{ none is defined }} {{ missing is none }} {{ missing is string }} {{ mapping.a is defined }} {{ mapping.zz is defined }} {{ missing is not defined }}
{{ [] is sequence }} {{ 'a' is sequence }} {{ {} is sequence }} {{ 1 is sequence }} {{ missing is sequence }} {{ range(2) is sequence }} {{ none is sequence }} {{ (1,) is sequence }} {{ (items | map('string')) is sequence }} {{ mapping.items() is sequence }}
{{ [] is iterable }} {{ 'a' is iterable }} {{ 1 is iterable }} {{ none is iterable }} {{ missing is iterable }} {{ {} is mapping }} {{ [] is mapping }} {{ (items | map('string')) is iterable }} {{ mapping.items() is iterable }}
{{ 3 is odd }} {{ 3 is even }} {{ 9 is divisibleby(3) }} {{ 9 is divisibleby 3 }} {{ 3 is not odd }} {{ 0 is even }} {{ -1 is odd }}
{{ 1 is eq 1 }} {{ 1 is equalto(1) }} {{ 1 is ne 2 }} {{ 2 is gt 1 }} {{ 2 is lt(1) }} {{ 1 is le 1 }} {{ 1 is ge 2 }} {{ 1 is in [1] }} {{ 'a' is in('abc') }} {{ 1 is not in [1] }} {{ 1 is sameas 1 }} {{ 1 is sameas true }} {{ none is sameas none }}
{{ 'abc' is lower }} {{ 'ABC' is upper }} {{ 'Abc' is lower }} {{ 1 is lower }} {{ raise_exception is callable }} {{ 'a' is callable }} {{ 'upper' is filter }} {{ 'odd' is test }} {{ 'zz' is filter }}
{{ 'abc' is string and 1 is number or false }} {{ 'x' if 1 is odd else 'y' }}
{{ 1 is odd is true }}
{{ 1 is nonsense }}
{{ 1 | nonsense }}
{{ not 1 is odd }} {{ 4 * 4 is divisibleby 2 }} {{ 2 + 3 | int }}
{{ 2 + 3 | string }}
{% for i in range(3) %}{{ loop.index }}{{ loop.index0 }}{{ loop.revindex }}{{ loop.revindex0 }}{{ loop.first }}{{ loop.last }}{{ loop.length }}{{ loop.previtem }}{{ loop.nextitem }}{{ loop.cycle('a', 'b') }}{{ loop.depth }}{{ loop.depth0 }};{% endfor %}
{% for i in [1, 1, 2] %}{{ loop.changed(i) }}{% endfor %}
{% for i in [] %}x{% else %}none{% endfor %} {% for i in [1] %}x{% else %}none{% endfor %} {% for i in missing %}x{% else %}undefined{% endfor %}
{% for i in none %}x{% endfor %}
{% for i in 5 %}x{% endfor %}
{% for i in range(6) if i is odd %}{{ i }}{{ loop.index }}{{ loop.last }} {% else %}none{% endfor %}
{% for i in range(5) %}{% if i == 1 %}{% continue %}{% endif %}{% if i == 3 %}{% break %}{% endif %}{{ i }}{% endfor %}
{% for k, v in mapping.items() %}{{ k }}={{ v }},{% endfor %}{% for k in mapping %}{{ k }}{% endfor %}{% for c in 'aé😀' %}[{{ c }}]{% endfor %}
{% for a, (b, c) in [(1, (2, 3))] %}{{ a }}{{ b }}{{ c }}{% endfor %}
{% for a, b in [(1, 2, 3)] %}{% endfor %}
{% for a, b in [(1,)] %}{% endfor %}
{% for i in [1, [2, [3]]] recursive %}{{ i if i is number else '(' ~ loop(i) ~ ')' }}{{ loop.depth }}{% endfor %}
{% for i in range(2) %}{% for j in range(2) %}{{ loop.index }}{% endfor %}{{ loop.index }} {% endfor %}
{% for i in range(2) %}{{ loop(i) }}{% endfor %}
{% for x in 1, 2, 3 %}{{ x }}{% endfor %}
{{ loop is defined }}
{% set x = 1 %}{% for i in range(2) %}{% set x = x + 1 %}{{ x }}{% endfor %}{{ x }}
{% set x = 1 %}{% if true %}{% set x = 2 %}{% endif %}{{ x }}
{% for i in range(1) %}{% set inner = 5 %}{% endfor %}{{ inner is defined }} {% for i in [7] %}{% endfor %}{{ i is defined }}
{% set ns = namespace(a=1, b='x') %}{% for i in range(3) %}{% set ns.a = ns.a + i %}{% endfor %}{{ ns.a }}{{ ns.b }}{{ ns.c }}{{ ns.c is defined }}
{% set ns = namespace({'k': 1}, z=2) %}{{ ns.k }}{{ ns['z'] }}
{{ namespace(a=1) }}
{% set mapping.a = 1 %}
{% set a, b = 1, 2 %}{{ a }}{{ b }} {% set a, b = 'xy' %}{{ a }}{{ b }} {% set t = 1, 2 %}{{ t }}
{% set x %}a {{ 1 }} b{% endset %}[{{ x }}] {% set y | upper %}abc{% endset %}{{ y }} {% set z | replace('a', 'b') | upper %}aa{% endset %}{{ z }}
{% with a = 1, b = 2 %}{{ a + b }}{% endwith %}{{ a is defined }} {% with %}{% set q = 3 %}{{ q }}{% endwith %}{{ q is defined }}
{% filter upper %}abc{{ 'd' }}{% endfilter %} {% filter replace('a', 'b') | trim %} aa {% endfilter %}
{% print 1, 'a' %}
{% macro f(a, b=2, c='x') %}[{{ a }}{{ b }}{{ c }}]{% endmacro %}{{ f(1) }}{{ f(1, 3) }}{{ f(1, c='y') }}{{ f() }}{{ f(b=5, a=4) }}
{% macro f(a) %}{{ a }}{% endmacro %}{{ f(1, 2) }}
{% macro f(a) %}{{ a }}{% endmacro %}{{ f(z=2) }}
{% macro f() %}{{ varargs }}{{ kwargs }}{% endmacro %}{{ f(1, 2, x=3) }}
{% macro f(n) %}{{ n }}{% if n > 0 %}{{ f(n - 1) }}{% endif %}{% endmacro %}{{ f(3) }}
{% macro f(a, b=a) %}{{ a }}{{ b }}{% endmacro %}{{ f('x') }}
{% macro f() %}{{ outer }}{% endmacro %}{% set outer = 'o' %}{{ f() }}{% set outer = 'p' %}{{ f() }}
{% macro f() %}  x  {% endmacro %}{{ f() | trim }}{{ f().strip() | length }}{{ f.name }}{{ f.arguments }}
{% macro wrap(t) %}<{{ t }}>{{ caller() }}</{{ t }}>{% endmacro %}{% call wrap('b') %}body{% endcall %}
{% macro each(xs) %}{% for x in xs %}{{ caller(x, loop.index) }}{% endfor %}{% endmacro %}{% call(x, i) each([5, 6]) %}{{ i }}:{{ x }} {% endcall %}
{% macro f() %}{{ caller is defined }}{% endmacro %}{{ f() }}
{% macro f() %}x{% endmacro %}{% call f() %}y{% endcall %}
{% macro f(x) %}{{ x }}{% endmacro %}{{ [1, 2] | map('string') | map('upper') | list }}{% for i in range(2) %}{{ f(i) }}{% endfor %}
{% for m in messages %}{% generation %}{{ m.role }} {% endgeneration %}{% endfor %}
{% generation %}{% set inside = 1 %}{% endgeneration %}{{ inside is defined }}
{{ range(5) | list }} {{ range(1, 5, 2) | list }} {{ range(5, 0, -2) | list }} {{ range(3) }} {{ range(0, 3, 2) }} {{ range(3)[1] }} {{ range(5)[1:3] | list }} {{ range(0) | list }} {{ range(3) | length }} {{ range(3) == range(0, 3) }}
{{ range(1000000) }}
{{ dict(a=1, b=2) }} {{ dict([('x', 1)]) }} {{ dict(mapping, z=1) }} {{ dict() }}
{{ dict(a=1) == {'a': 1} }} {{ [1, [2]] == [1, [2.0]] }} {{ (1,) == [1] }} {{ {'a': 1, 'b': 2} == {'b': 2, 'a': 1} }}
{{ [*items] }}
{{ '%s-%s' | format(*['a', 'b']) }} {{ dict(**{'a': 1}) }}
{{ raise_exception('no') }}
{{ strftime_now('%Y-%m-%d %H:%M:%S') }} {{ strftime_now('%A, %B %-d, %Y') }} {{ strftime_now('%a %b %e %j %I %p %y %U %W %w %u %V %G') }} {{ strftime_now('%d/%m/%y %-m %-H %-I %% %F %T %D %R') }} {{ strftime_now('%c|%x|%X') }} {{ strftime_now('%f %Z%z|') }} {{ strftime_now('%^a %#b %_d %k %l %s %C %h %n%t' | replace('%s', '')) }} {{ strftime_now('') }}|
{# comment #}a{# multi
line #}b
a{#- strip -#} b
{% raw %}{{ x }} {% if %}{% endraw %} {%- raw -%}  {{ y }}  {%- endraw -%}  z
{{- ' a ' -}}   b   {{- 'c' }}
x  {%- if true -%}  y  {%- endif -%}  z
{{ '}}' }} {{ {'a': {'b': 1}}['a']['b'] }} {{ '{% x %}' }} {{ "{{" }}
{{ 'a\nb\tc\\d\'e\"f\x41\u00e9\U0001F600\101\q' }}
{{ "it's" }} {{ 'say "hi"' }}
{{ items.0 }} {{ users.0.name }} {{ users[0]['name'] }} {{ messages[-1].content.split('</think>')[-1].lstrip('\n') }}
{{ messages[1:] | length }} {{ (messages | last).role }} {{ messages[0]['role'] == 'system' }}
{{ 'a' if messages[0].role == 'system' and messages | length > 1 else 'b' }}
{{ (1, 2)[0] }} {{ [1, 2][-1] }} {{ 'abc'[1] }} {{ {'a': [1]}.a[0] }} {{ 'a b'.split()[1].upper() }}
{% if users and users[0].name is defined and 'Bob' in users[0].name %}yes{% elif empty %}no{% else %}other{% endif %}
{% if missing %}a{% elif nothing %}b{% elif 0.0 %}c{% elif [] %}d{% elif {} %}e{% elif () %}f{% elif range(0) %}g{% elif '0' %}h{% endif %}
{{ (items | map('string')) and 'true' }} {{ (none | map('string')) and 'true' }} {{ namespace() and 'true' }}
{% set m = items | map('string') %}{{ m | list }}{{ m | list }}
{% set it = names | select('string') %}{{ it | first }}{{ it | first }}{{ it | list }}
{{ mapping.items() | map('first') | list }} {{ mapping.values() | list }} {{ mapping.keys() | sort | join }}
{{ ['a', 'b'] | map('string') | join(',') }} {{ [[1, 2], [3]] | sum(start=[]) }}
{{ (mapping | dictsort)[0][0] }} {{ mapping.items() | list | first | last }}
{{ [1, 2, 3] | select('divisibleby', 2) | list }} {{ ['a', 1] | select('string') | list }} {{ [none, 1] | reject('none') | list }}
{{ 1.5 // 0.5 }} {{ 5 // 2.0 }} {{ 5 % 2.5 }} {{ 1e308 * 10 }} {{ 10 ** 20 }} {{ 1.0 * 3 }} {{ 3 - 1.0 }}
{{ 1 if 0 else }}
{{ 1 + }}
{% if %}x{% endif %}
{% for x in %}{% endfor %}
{% endfor %}
{% if true %}
{% unknown %}
{% break %}
{{ 'unclosed }}
{% set true = 1 %}
{{ a b }}
{{ {'a' 1} }}
{{ [1 2] }}
{{ f(a=1, 2) }}
{% macro f(a=1, b) %}{% endmacro %}
{{ 1 is is }}
{% do items %}
{% include 'x' %}
{% set ns = namespace(_private=1) %}
{% set ns = namespace() %}{% set ns._x = 1 %}
{{ ns.x }}
{% set ns.x = 1 %}
{{ yes | upper }} {{ 3 | lower }} {{ yes | tojson }} {{ nothing | tojson }}
{{ 'a' < 1 }}
{{ [3, 1] | sort | first + 1 }} {{ '5' | int + 1 }} {{ -5 | abs + 1 }}
{{ not missing and missing is not defined }} {{ missing or 'x' }} {{ (missing or nothing) is none }}
{{ nothing is none and nothing is not string }} {{ nothing | default('x', true) ~ '' }}
{{ ' '.join(names | map('lower') | unique) }} {{ names | map('length') | sum }}
{{ 'abc' | upper | lower | title | replace('A', 'b') | length }}
{{ 'x' ~ {'a': none} ~ (1, 'b') ~ 2.50 }} {{ [1.0, 1e20, 1e-5] }} {{ {'k': "v'"} }}
{{ "Line1\nLine2" | indent(width=2, first=false) }} {{ ('a\r\nb') | indent }} {{ 'a\rb' | length }}
{{ messages | tojson(indent=4) | length }} {{ messages | string | length }} {{ messages | map(attribute='role') | list }}
---
line one
  {% if true %}
    indented {{ 1 }}
  {% endif %}
line two
---
  {%+ if true %}
kept
  {%+ endif +%}

end
---
a
{% for i in range(2) -%}
  {{ i }}
{% endfor %}

b
---
{# a comment takes its line #}
text
    {# an indented one #}
  {{ 1 }}  {# after text #}
end

---
{%- set x = 1 -%}


{{- x }}

{%- if x %}

  a
{%- endif %}
  
  b   {% if x %}  c
  {% endif %}d
---
{%- macro m(x) %}
  <{{ x }}>
{%- endmacro -%}
{{ m(1) }}
{{ m(2) -}}

end
---
{{ {
  'a': 1,
  'b': [
    2,
  ],
} }}
{% set long = (
  'x'
  if yes else
  'y'
) %}
{{ long }}
---
{% raw %}
  kept {{ as is }}
  {% endraw %}
after
---
{{ "a
b" }}
{{ 'x' }}
{{ 'y' }}
  {% set q = 1 %}  
z
---
a {% set q = 1 %}
 b
	{% set t = 2 %}
c{% if q %} {% endif %}
---
"""


def sources():
    single, *blocks = SOURCES.strip("\n").split("\n---\n")
    lines = single.split("\n")
    # A comment over two lines is the one construct above that contains a line break.
    joined = []
    for line in lines:
        if line == "line #}b":
            joined[-1] += "\n" + line
        else:
            joined.append(line)
    crlf = ["a\r\n{% if true %}\r\nb\r\n{% endif %}\r\nc\r\n", "a\rb\r", "{{ 'a\r\nb' }}", "a\n\n", "a\n", "{{ 1 }}\n"]
    return joined + [block.removesuffix("\n---") for block in blocks] + crlf


def render(source):
    try:
        return {"source": source, "text": _compile_jinja_template(source).render(**VARIABLES)}
    except (jinja2.TemplateError, ArithmeticError, AttributeError, LookupError, SyntaxError, TypeError, ValueError) as error:
        return {"source": source, "error": type(error).__name__}


class FixedDatetime(datetime):
    @classmethod
    def now(cls, tz=None):
        return cls(*DATE.timetuple()[:6])


def main():
    chat_template_utils.datetime = FixedDatetime
    cases = [render(source) for source in sources()]
    write_json("templates/constructs.json", {"date": DATE.isoformat() + "Z", "variables": json.dumps(VARIABLES), "cases": cases})


if __name__ == "__main__":
    main()
