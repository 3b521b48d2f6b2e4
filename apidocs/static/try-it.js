const response = await fetch("/openapi.json");
const spec = await response.json();

// Browsers refuse to send a body with GET or HEAD, so none is offered here.
for (const { get, head } of Object.values(spec.paths)) {
  delete get?.requestBody;
  delete head?.requestBody;
}

// The last 30 days have data. Ids of examples have none.
const day = (ago) => new Date(Date.now() - ago * 86400000).toISOString().slice(0, 10);
const DAYS = { date_from: day(29), date_to: day(0) };
const operations = Object.values(spec.paths).flatMap((path) => Object.values(path));
const inOperations = operations.flatMap((operation) => operation.parameters ?? []);
for (const parameter of [...Object.values(spec.components.parameters), ...inOperations]) {
  const { name, required } = parameter;
  if (name in DAYS || (!required && /_?id$/i.test(name))) {
    delete parameter.example;
    delete parameter.examples;
    delete parameter.schema?.examples;
  }
  if (name in DAYS) parameter.example = DAYS[name];
}

SwaggerUIBundle({
  spec,
  requestInterceptor: (request) => {
    const key = request.headers.Authorization?.trim();
    if (key && !/^apitoken\s/i.test(key)) request.headers.Authorization = `ApiToken ${key}`;
    return request;
  },
  dom_id: "#try-it",
  deepLinking: true,
  defaultModelsExpandDepth: 0,
  persistAuthorization: false,
  validatorUrl: null,
});
