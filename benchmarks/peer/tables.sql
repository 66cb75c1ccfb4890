-- What Prisma would make of schema.prisma ("prisma migrate" wants an engine that it downloads).
CREATE SCHEMA described;
SET search_path = described;
CREATE TABLE "User" (id text PRIMARY KEY, name text NOT NULL);
CREATE TABLE "Contact" (
  id text PRIMARY KEY, "tenantId" text NOT NULL, name text NOT NULL, phone text NOT NULL
);
CREATE TABLE "CallLog" (
  id text PRIMARY KEY,
  "tenantId" text NOT NULL,
  "userId" text REFERENCES "User" (id) ON UPDATE CASCADE ON DELETE SET NULL,
  "contactId" text REFERENCES "Contact" (id) ON UPDATE CASCADE ON DELETE SET NULL,
  direction text NOT NULL,
  "fromNumber" text NOT NULL,
  "toNumber" text NOT NULL,
  status text NOT NULL,
  duration integer,
  "recordingUrl" text,
  "recordingSid" text,
  "twilioCallSid" text,
  "startedAt" timestamp(3) NOT NULL,
  "endedAt" timestamp(3),
  "createdAt" timestamp(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
  "updatedAt" timestamp(3) NOT NULL
);
CREATE INDEX "Contact_tenantId_idx" ON "Contact" ("tenantId");
CREATE UNIQUE INDEX "CallLog_twilioCallSid_key" ON "CallLog" ("twilioCallSid");
CREATE INDEX "CallLog_tenantId_startedAt_idx" ON "CallLog" ("tenantId", "startedAt");
