import { describe, expect, test } from "vitest";
import { compileTemplate } from "../../../../shared/model/template/compile.ts";

const limits = { messages: 2, characters: 200, date: new Date(Date.UTC(2026, 1, 3, 4, 5)) };
const render = (source: string, variables: Record<string, unknown> = {}) =>
  compileTemplate(source).render(variables, limits);

describe("what templates can do", () => {
  test.each<[string, string, Record<string, unknown>?]>([
    ["{% for m in messages %}{{ m.role }},{% endfor %}", "a,b,", { messages: [{ role: "a" }, { role: "b" }] }],
    ["{{ 'x-y'.replace('-', '+') }}{{ 'x-y' | replace('-', '+') }}", "x+yx+y"],
    ["{{ [1, 2] | join(', ') }} {{ {'a': 1} | tojson(indent=2) }}", '1, 2 {\n  "a": 1\n}'],
    ["{{ range(3) | list | tojson }}{{ range(4, 0, -2) | list | tojson }}", "[0, 1, 2][4, 2]"],
    ["{% set ns = namespace(n=0) %}{% for i in range(5) %}{% set ns.n = ns.n + i %}{% endfor %}{{ ns.n }}", "10"],
    ["{% macro f(x) %}[{{ x }}]{% endmacro %}{{ f('a') }}", "[a]"],
    ["{{ strftime_now('%d %b %B %Y %m %H:%M %%') }}", "03 Feb February 2026 02 04:05 %"],
    ["{{ missing is defined }} {{ True and none is none }}", "False True"],
    ["{{ messages[::-1][0] }} {{ text[1:] }}", "2 bc", { messages: [1, 2], text: "abc" }],
    ["[{{ text.strip('\\n') }}] [{{ text.lstrip() }}]", "[ a ] [a \n]", { text: "\n a \n" }],
    ["{{ (text ~ 'x').rstrip('xy') }}{{ text.split('-')[1].lstrip('b') }}", "a-bbccyx", { text: "a-bbcyx" }],
  ])("%s", (source, expected, variables) => {
    expect(render(source, variables)).toBe(expected);
  });

  test("reads tells which variables are used", () => {
    const template = compileTemplate("{% if tools %}{{ tools }}{% endif %}{{ m.content }}");
    expect([template.reads("tools"), template.reads("documents")]).toEqual([true, false]);
  });

  test("a rejection keeps the template's own message", () => {
    expect(() => render("{{ raise_exception('Roles must alternate') }}")).toThrow(
      expect.objectContaining({
        code: "invalid_request",
        param: "messages",
        message: "the model's chat template rejects the messages: Roles must alternate",
      }),
    );
  });
});

describe("what templates cannot do", () => {
  const long = { text: "x".repeat(100_000) };
  test.each<[string, string, Record<string, unknown>?]>([
    ["{{ 1 ", "cannot be parsed"],
    [`{{ ${"(".repeat(20_000)}1${")".repeat(20_000)} }}`, "cannot be parsed"],
    ["x".repeat(65 * 1024), "has 66560 characters; at most 65536 are allowed"],
    ["{{ none.x() }}", "failed in line 1: 'None' has no attribute 'x'"],
    ["{{ range(1000000000) | length }}", "calls range for 1000000000 numbers; at most 100000 are allowed"],
    ["{{ range(0, 1, 0) }}", "a step of zero"],
    ["{% for i in range(9999) %}{% for j in range(9999) %}x{% endfor %}{% endfor %}", "does too much work"],
    ["{% for i in range(9999) %}{% for j in range(9999) %}{% endfor %}{% endfor %}", "does too much work"],
    [
      "{% set r = range(9999) %}{% for i in r %}{% for j in r if false %}{% endfor %}{% endfor %}",
      "does too much work",
    ],
    ["{% set r = range(9999) | list %}{% for i in r %}{% set x = r[::-1] %}{% endfor %}", "does too much work"],
    ["{% for i in range(9999) %}{% if 'z' in text %}{% endif %}{% endfor %}", "does too much work", long],
    ["{% for i in range(9999) %}{% set x = text.split('x') %}{% endfor %}", "does too much work", long],
    ["{% set f = text.title %}{% for i in range(9999) %}{% set x = f() %}{% endfor %}", "does too much work", long],
    [
      "{% set n = namespace(s='xx') %}{% for i in range(99) %}{% set n.s = n.s ~ n.s %}{% endfor %}",
      "makes a value of more than",
    ],
    [
      "{% set n = namespace(a=['x']) %}{% for i in range(99) %}{% set n.a = n.a + n.a %}{% endfor %}",
      "makes a value of more than",
    ],
    [
      "{% set n = namespace(a='x') %}{% for i in range(99) %}{% set n.a = [n.a, n.a] %}{% endfor %}{{ n.a }}",
      "makes a value of more than",
    ],
    [
      "{% set n = namespace(a='x') %}{% for i in range(99) %}{% set n.a = {'l': n.a, 'r': n.a} %}{% endfor %}{{ n.a | tojson }}",
      "makes a value of more than",
    ],
    ["{% set n = namespace() %}{% set n.self = n %}{{ n }}", "nests more than 250 deep"],
    [
      "{% set n = namespace(a=()) %}{% for i in range(99) %}{% set n.a = (n.a, n.a) %}{% endfor %}{{ {n.a: 1} }}",
      "too long for a key",
    ],
    [
      "{% set n = namespace(a=[]) %}{% for i in range(99) %}{% set n.a = [n.a, n.a] %}{% endfor %}{{ n.a == n.a }}",
      "does too much work",
    ],
    ["{% macro f(x) %}{{ f(x) }}{% endmacro %}{{ f(1) }}", "nests more than 250 deep"],
    ["{{ text.replace('x', text) }}", "makes a value of more than", long],
    ["{{ text | replace('x', text) }}", "makes a value of more than", long],
    ["{{ text.replace(*['x', text]) }}", "makes a value of more than", long],
    ["{% set f = text['replace'] %}{{ f('x', text) }}", "makes a value of more than", long],
    ["{{ text | join(text) }}", "makes a value of more than", long],
    ["{{ text * 100000 }}{{ [1] * 10000000 }}", "makes a value of more than", long],
    ["{{ [1] * 10000000 }}", "makes a value of more than"],
    ["{{ 9 ** 99999 }}", "an integer has too many digits"],
    ["{{ 'x'.center(1000000000) }}", "makes a value of more than"],
    ["{{ '%1000000000d' % 1 }}{{ '{:1000000000}'.format(1) }}", "makes a value of more than"],
    ["{{ '{:1000000000}'.format(1) }}", "makes a value of more than"],
    ["{{ {'a': {'b': [1, 2]}} | tojson(indent=100000) }}", "makes a value of more than"],
    [
      "{{ {'a': 1} | tojson(separators=(text, text)) }}{{ [text, text, text, text, text] | tojson }}",
      "makes a value of more than",
      long,
    ],
    ["{% filter indent(100000) %}a\nb\nc\nd\ne{% endfilter %}", "makes a value of more than"],
    [
      "{{ range(100000) | batch(1, 0) | list | length }}{{ [1] | slice(1000000000) | list }}",
      "makes a value of more than",
    ],
    ["{{ ('{0}' * 9999).format(text) }}", "makes a value of more than", long],
    ["{{ ('%(a)s' * 9999) % {'a': text} }}", "makes a value of more than", long],
    ["{% for i in range(9999) %}{% set x = text[0] %}{% endfor %}", "does too much work", long],
    ["{% for i in range(9999) %}{% set x = {text: 1} %}{% endfor %}", "does too much work", long],
    ["{% for i in range(9999) %}{% set x = {}.get(text) %}{% endfor %}", "does too much work", long],
    ["{% for i in range(9999) %}{% set x = ''.strip(text) %}{% endfor %}", "does too much work", long],
    ["{% for i in range(9999) %}{% set x = strftime_now(text) %}{% endfor %}", "does too much work", long],
    ["{% for i in range(9999) %}{% set x = range(99999) | sum %}{% endfor %}", "does too much work"],
    ["{{ (text ~ '1' * 50000 ~ 'x') | float }}{{ (text ~ '%(' * 50000) % {} }}", "unsupported format character", long],
    ["{{ messages.append(1) }}", "access to attribute 'append' of 'list' object is unsafe", { messages: [] }],
  ])("%s", (source, message, variables) => {
    const before = performance.now();
    const attempt = () => render(source.slice(0, 1e6), variables);
    expect(attempt).toThrow(message);
    expect(attempt).toThrow(expect.objectContaining({ name: "TrimtabError", code: "invalid_model" }));
    expect(performance.now() - before).toBeLessThan(20_000);
  });

  test("the host is out of reach", () => {
    for (const name of ["globalThis", "process", "constructor", "Function", "fetch", "self"]) {
      expect(render(`{{ ${name} is defined }}`)).toBe("False");
      expect(render(`{{ ''.${name} is defined }} {{ m.${name} is defined }}`, { m: {} })).toBe("False False");
    }
  });

  test("longer input allows more work", () => {
    const template = compileTemplate("{% for m in messages %}{% for i in range(150) %}{{ m }}{% endfor %}{% endfor %}");
    const messages = Array.from({ length: 1000 }, () => "x");
    expect(() => template.render({ messages }, limits)).toThrow("does too much work");
    expect(template.render({ messages }, { ...limits, messages: 1000 })).toHaveLength(150_000);
  });
});
