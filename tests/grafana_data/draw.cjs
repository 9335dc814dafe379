// Grafana's own data layer on panels and the frames of their answers: stdin JSON, stdout JSON.
//
// In: {panels: {key: {panel, frames, probes}}}. Out: {units, panels: {key: {frames, probes}}}:
// frames after transformations and overrides, every value with its text and colour; probes are
// values that the panel's defaults alone display.
"use strict";
const {JSDOM} = require("jsdom");
const dom = new JSDOM("");
for (const name of ["document", "HTMLElement", "Node"]) globalThis[name] = dom.window[name];
globalThis.window = dom.window;
Object.defineProperty(globalThis, "navigator", {value: dom.window.navigator, configurable: true});
const g = require("@grafana/data");

const transformers = [...new Map(Object.values(g.standardTransformers).map((t) => [t.id, t])).values()];
g.standardTransformersRegistry.setInit(() =>
  transformers.map((t) => ({id: t.id, name: t.name, transformation: async () => t, aliasIds: []})));

// Grafana registers its options in the server's own bundle; these are the ones that panels use.
const option = (path, process, isCustom = false) => ({
  id: isCustom ? `custom.${path}` : path, path, name: path, isCustom, process,
  settings: {}, shouldApply: () => true, editor: () => null, override: () => null,
});
const standard = {
  unit: g.unitOverrideProcessor, min: g.numberOverrideProcessor, max: g.numberOverrideProcessor,
  decimals: g.numberOverrideProcessor, thresholds: g.thresholdsOverrideProcessor,
  mappings: g.valueMappingsOverrideProcessor, displayName: g.displayNameOverrideProcessor,
  noValue: g.stringOverrideProcessor, color: g.identityOverrideProcessor, links: g.identityOverrideProcessor,
};
const custom = ["hidden", "cellOptions", "lineStyle", "width"];
g.standardFieldConfigEditorRegistry.setInit(() => Object.entries(standard).map(([id, p]) => option(id, p)));
const registry = new g.FieldConfigOptionsRegistry(() => [
  ...Object.entries(standard).map(([id, p]) => option(id, p)),
  ...custom.map((id) => option(id, g.identityOverrideProcessor, true)),
]);
const theme = g.createTheme({colors: {mode: "dark"}});

const frameOf = ({refId, fields}) => {
  const frame = g.toDataFrame({refId, fields: fields.map((f) => ({name: f.name, type: f.type, values: f.values, labels: f.labels}))});
  fields.forEach((f, i) => { if (f.legend) frame.fields[i].config = {displayNameFromDS: f.legend}; });
  return frame;
};
const transformed = (steps, frames) => new Promise((done, failed) =>
  g.transformDataFrame(steps, frames, {interpolate: (text) => text}).subscribe({next: done, error: failed}));
const shown = (field, value) => {
  const {prefix, text, suffix, color} = field.display(value);
  return {text: `${prefix ?? ""}${text}${suffix ?? ""}`, color};
};

const draw = async ({panel, frames, probes}) => {
  const data = g.applyFieldOverrides({
    data: await transformed(panel.transformations ?? [], frames.map(frameOf)),
    fieldConfig: panel.fieldConfig ?? {defaults: {}, overrides: []},
    fieldConfigRegistry: registry, replaceVariables: (text) => text, theme, timeZone: "utc",
  });
  const probe = {name: "probe", type: g.FieldType.number, values: [], config: panel.fieldConfig?.defaults ?? {}};
  probe.display = g.getDisplayProcessor({field: probe, theme});
  return {
    frames: data.map((frame) => ({
      refId: frame.refId,
      found: Object.fromEntries(["id", "source", "target", "mainstat", "title"].map((name) =>
        [name, Boolean(new g.FieldCache(frame).getFieldByName(name))])),
      fields: frame.fields.map((field) => ({
        name: field.name, title: g.getFieldDisplayName(field, frame, data), type: field.type,
        hidden: field.config.custom?.hidden === true,
        values: Array.from(field.values).slice(-50).map((value) => ({value, ...shown(field, value)})),
      })),
    })),
    probes: probes.map((value) => ({value, ...shown(probe, value)})),
  };
};

const main = async () => {
  const {panels} = JSON.parse(require("fs").readFileSync(0, "utf8"));
  const out = {};
  for (const [key, panel] of Object.entries(panels)) out[key] = await draw(panel);
  const units = g.getValueFormats().flatMap((group) => group.submenu.map((unit) => unit.value));
  process.stdout.write(JSON.stringify({units, panels: out}));
};
main().catch((error) => { console.error(error); process.exit(1); });
