import { describe, expect, test } from "vitest";
import { fitsXml, writeDeleteRequest } from "../src/delete-request.ts";
import { readDeleteResult } from "../src/delete-result.ts";

const deleted = (key: string, more: object = {}): object => ({
  key,
  versionId: undefined,
  marker: false,
  markerVersionId: undefined,
  ...more,
});

describe("the answer to DeleteObjects", () => {
  test("is read with prefixes, attributes, comments, CDATA, references and elements in any order", () => {
    const xml = `\ufeff<?xml version="1.0" encoding="UTF-8"?>
      <!-- by hand --><s3:DeleteResult xmlns:s3="http://s3.amazonaws.com/doc/2006-03-01/" note='a > b'>
        <s3:Deleted><s3:DeleteMarkerVersionId>m</s3:DeleteMarkerVersionId><s3:DeleteMarker> true </s3:DeleteMarker><s3:Key>a</s3:Key></s3:Deleted>
        <s3:Error><s3:Message/><s3:Code>AccessDenied</s3:Code><s3:VersionId>v</s3:VersionId><s3:Key><![CDATA[<b>&amp;]]></s3:Key><s3:Extra><s3:Key>deeper</s3:Key></s3:Extra></s3:Error>
        <s3:Deleted ><s3:Key>x &amp;&#38;&#x26;&lt;&gt;&quot;&apos;&#128512;</s3:Key><s3:VersionId></s3:VersionId></s3:Deleted >
      </s3:DeleteResult>\n`;
    expect(readDeleteResult(xml)).toEqual({
      root: "DeleteResult",
      deleted: [deleted("a", { marker: true, markerVersionId: "m" }), deleted("x &&&<>\"'😀")],
      errors: [{ key: "<b>&amp;", versionId: "v", code: "AccessDenied", message: "" }],
    });
  });

  test("keeps every byte of a key", () => {
    for (const key of [" a", "a ", "a  b", "tab\tb", "ünï", "\u00a0"]) {
      expect(readDeleteResult(`<DeleteResult><Deleted><Key>${key}</Key></Deleted></DeleteResult>`)).toMatchObject({
        deleted: [deleted(key)],
      });
      expect(
        readDeleteResult(`<DeleteResult>\n<Deleted>\n<Key>${key}</Key>\n</Deleted>\n</DeleteResult>`),
      ).toMatchObject({ deleted: [deleted(key)] });
    }
  });

  test("may be empty", () => {
    for (const xml of ["<DeleteResult/>", "<DeleteResult></DeleteResult>", '<DeleteResult xmlns="x" />']) {
      expect(readDeleteResult(xml)).toEqual({ root: "DeleteResult", deleted: [], errors: [] });
    }
  });

  test("may be an error in its place", () => {
    expect(readDeleteResult("<Error><Code>InternalError</Code><Message>a &amp; b</Message></Error>")).toEqual({
      root: "Error",
      code: "InternalError",
      message: "a & b",
    });
  });

  test.each([
    "",
    "nothing",
    "<html></html>",
    "<DeleteResult>",
    "<DeleteResult><Deleted><Key>a</Key></Deleted>",
    "<DeleteResult><Deleted><Key>a</Deleted></Key></DeleteResult>",
    "<DeleteResult></DeleteResult>trailing",
    "<DeleteResult></DeleteResult><DeleteResult></DeleteResult>",
    "<DeleteResult><Deleted><Key>a & b</Key></Deleted></DeleteResult>",
    "<DeleteResult><Deleted><Key>&unknown;</Key></Deleted></DeleteResult>",
    "<DeleteResult><Deleted><Key>&#x110000;</Key></Deleted></DeleteResult>",
    '<!DOCTYPE x [<!ENTITY a "b">]><DeleteResult/>',
    "</DeleteResult>",
    "<DeleteResult",
    "<DeleteResult a='>",
    "<DeleteResult><![CDATA[",
  ])("%s is not believed", (xml) => expect(readDeleteResult(xml)).toBeUndefined());

  test("cut anywhere, an answer is not believed", () => {
    const xml = "<DeleteResult><Deleted><Key>a</Key></Deleted><Error><Key>b</Key><Code>C</Code></Error></DeleteResult>";
    for (let length = 0; length < xml.length; length++) expect(readDeleteResult(xml.slice(0, length))).toBeUndefined();
    expect(readDeleteResult(xml)).toBeDefined();
  });
});

describe("the DeleteObjects request", () => {
  test("escapes what XML gives a meaning", () => {
    const xml = Buffer.from(
      writeDeleteRequest([
        { name: "a&b<c>\"d']]>", versionId: undefined },
        { name: "k", versionId: "v&1" },
      ]),
    ).toString();
    expect(xml).toBe(
      '<?xml version="1.0" encoding="UTF-8"?><Delete xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Object><Key>a&amp;b&lt;c&gt;"d\']]&gt;</Key></Object><Object><Key>k</Key><VersionId>v&amp;1</VersionId></Object></Delete>',
    );
  });

  test("carries no key that a server may read as another", () => {
    for (const name of [
      "a\nb",
      "a\rb",
      "a\tb",
      "\u0001",
      "\u0085",
      "\u2028",
      "\ufffe",
      "\uffff",
      " a",
      "a ",
      "\ufeffa",
    ])
      expect(fitsXml(name)).toBe(false);
    for (const name of ["a b", "ünï/日本.jpg", "😀", "a//b", "../y", "x/", "%0A", "\"'&<>"])
      expect(fitsXml(name)).toBe(true);
  });
});
