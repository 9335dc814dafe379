// Grafana's own grammars on queries of log and trace stores: stdin JSON, stdout JSON.
//
// In: {logql: [...], traceql: [...]}. Out: the same, only those that have a syntax error.
"use strict";
const parsers = {
  logql: require("@grafana/lezer-logql").parser,
  traceql: require("@grafana/lezer-traceql").parser,
};
const broken = (parser, text) => {
  let found = false;
  parser.parse(text).iterate({enter: (node) => { found ||= node.type.isError; }});
  return found;
};
const queries = JSON.parse(require("fs").readFileSync(0, "utf8"));
const out = Object.fromEntries(Object.entries(queries).map(([language, texts]) =>
  [language, texts.filter((text) => broken(parsers[language], text))]));
process.stdout.write(JSON.stringify(out));
