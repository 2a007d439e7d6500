import SwaggerUI from "swagger-ui-dist/swagger-ui-es-bundle.js";
import "swagger-ui-dist/swagger-ui.css";

SwaggerUI({
  url: "/api/openapi.json",
  dom_id: "#docs",
  deepLinking: true,
  // Drawing every operation and every schema at once takes the better part of a minute; what is opened is drawn.
  docExpansion: "none",
  defaultModelsExpandDepth: -1,
  filter: true,
  // Its validator is a site elsewhere.
  validatorUrl: null,
});
