// Host patterns of the conf: what they become, and what is refused with which reason.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { VhostError } from '@vhostd/protocol';
import { formatHostPattern, parseHostPattern } from './host-pattern.js';

void test('a pattern is normalized as hosts are', () => {
  const cases: [string, string][] = [
    ['A.com', 'a.com'],
    ['a.com.', 'a.com'],
    ['localhost', 'localhost'],
    ['a_b.x-1.com', 'a_b.x-1.com'],
    ['*.A.com.', '*.a.com'],
    ['*.com', '*.com'],
    ['B\u00dcCHER.de', 'xn--bcher-kva.de'],
    ['*.b\u00fccher.de', '*.xn--bcher-kva.de'],
    ['\u4f8b\u3048\u3002\u30c6\u30b9\u30c8', 'xn--r8jz45g.xn--zckzah'],
    ['xn--bcher-kva.de', 'xn--bcher-kva.de'],
    ['127.0.0.1', '127.0.0.1'],
    ['::1', '[::1]'],
    ['[::1]', '[::1]'],
    ['2001:DB8:0:0::1', '[2001:db8::1]'],
  ];
  for (const [text, expected] of cases) {
    const pattern = parseHostPattern(text);
    assert.equal(formatHostPattern(pattern), expected, text);
    assert.deepEqual(parseHostPattern(expected), pattern, `${expected} once more`);
  }
  assert.deepEqual(parseHostPattern('*.a.com'), { kind: 'suffix', host: 'a.com' });
  assert.deepEqual(parseHostPattern('a.com'), { kind: 'exact', host: 'a.com' });
});

void test('what is no host pattern is refused with the value and the reason', () => {
  const cases: [string, RegExp][] = [
    ['', /empty/],
    ['.', /empty label/],
    ['*', /whole labels/],
    ['*.', /empty label/],
    ['*.*.a.com', /whole labels/],
    ['a.*.com', /whole labels/],
    ['*a.com', /whole labels/],
    ['a.com:80', /port/],
    ['*.a.com:80', /port/],
    ['[::1]:80', /IPv6/],
    ['http://a.com', /scheme/],
    ['https://a.com/', /scheme/],
    ['a.com/', /path/],
    ['a.com\\x', /path/],
    ['a.com?x', /path/],
    ['a.com#x', /path/],
    ['u@a.com', /user information/],
    [' a.com', /white space/],
    ['a.com\n', /white space/],
    ['a\t.com', /white space/],
    ['a\u00a0b.com', /white space/],
    ['a\0.com', /white space/],
    ['a.com,b.com', /comma/],
    ['a%2ecom', /percent/],
    ['a..com', /empty label/],
    ['.a.com', /empty label/],
    ['a.com..', /empty label/],
    ['a\u3002\u3002com', /empty label/],
    ['a$b.com', /letters, digits/],
    ['\u2474.com', /letters, digits|internationalized/],
    ['\u2100.com', /letters, digits|internationalized/],
    [`${'a'.repeat(64)}.com`, /253/],
    [`${'a.'.repeat(126)}aa`, /253/],
    ['fe80::1%eth0', /port|percent/],
    ['[fe80::1%25eth0]', /IPv6/],
    ['[::1', /IPv6/],
    ['[a.com]', /IPv6/],
    ['127.1', /write the IPv4 address as 127\.0\.0\.1/],
    ['127.0.0.01', /write the IPv4 address as 127\.0\.0\.1/],
    ['\uff11\uff12\uff17.0.0.1', /write the IPv4 address as 127\.0\.0\.1/],
    ['1.2.3.256', /internationalized|last label/],
    ['*.0.0.1', /IP address|last label/],
    ['*.1.2.3.4', /IP address/],
  ];
  for (const [value, reason] of cases) {
    assert.throws(
      () => parseHostPattern(value),
      (error) => {
        assert.ok(error instanceof VhostError, value);
        assert.equal(error.code, 'ERR_CONF_HOST');
        assert.equal(error.info['value'], value);
        assert.match(String(error.info['reason']), reason, JSON.stringify(value));
        assert.ok(error.message.includes(JSON.stringify(value)));
        return true;
      },
    );
  }
});
