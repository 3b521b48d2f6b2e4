const response = await fetch("/openapi.json");
const spec = await response.json();

// Browsers refuse to send a body with GET or HEAD, so none is offered here.
for (const { get, head } of Object.values(spec.paths)) {
  delete get?.requestBody;
  delete head?.requestBody;
}

SwaggerUIBundle({
  spec,
  dom_id: "#try-it",
  deepLinking: true,
  defaultModelsExpandDepth: 0,
  persistAuthorization: false,
  validatorUrl: null,
});
