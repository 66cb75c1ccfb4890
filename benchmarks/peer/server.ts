/* The described server's equivalent: NestJS, Prisma and twilio-node, as its documents describe it.
   It keeps no event, has no fences between workspaces beside `tenantId`, and writes what it is told. */

import "reflect-metadata";
import {
  Body, Controller, ForbiddenException, Get, Headers, HttpCode, Inject, Injectable, Module,
  type OnModuleDestroy, Post, Query, Req, Res,
} from "@nestjs/common";
import { NestFactory } from "@nestjs/core";
import { PrismaPg } from "@prisma/adapter-pg";
import { PrismaClient } from "@prisma/client";
import type { Request, Response } from "express";
import twilio from "twilio";

const { PEER_DATABASE_URL, PEER_SOCKET, PORT, PUBLIC_BASE_URL, TWILIO_AUTH_TOKEN } = process.env as Record<string, string>;
type Form = Record<string, string>;

@Injectable()
class Rows extends PrismaClient implements OnModuleDestroy {
  constructor() {
    // A socket's folder cannot stand in Prisma's address, so it is given beside it.
    const place = PEER_SOCKET ? { host: PEER_SOCKET } : {};
    const { username, password, pathname, hostname, port } = new URL(PEER_DATABASE_URL);
    super({
      adapter: new PrismaPg(
        { user: username, password: password || undefined, database: pathname.slice(1), host: hostname, port: Number(port) || 5432, max: 10, ...place },
        { schema: "described" },
      ),
    });
  }

  onModuleDestroy() {
    return this.$disconnect();
  }
}

function signed(request: Request, signature: string, form: Form) {
  if (!twilio.validateRequest(TWILIO_AUTH_TOKEN, signature, PUBLIC_BASE_URL + request.originalUrl, form)) {
    throw new ForbiddenException();
  }
}

@Controller("api/twilio")
class Calls {
  constructor(@Inject(Rows) private readonly rows: Rows) {}

  @Post("call-status")
  @HttpCode(204)
  async status(@Req() request: Request, @Headers("x-twilio-signature") signature: string, @Body() form: Form) {
    signed(request, signature, form);
    const isOver = ["completed", "busy", "failed", "no-answer", "canceled"].includes(form.CallStatus);
    await this.rows.callLog.update({
      where: { twilioCallSid: form.CallSid },
      data: {
        status: form.CallStatus,
        ...(form.CallDuration ? { duration: Number(form.CallDuration) } : {}),
        ...(isOver ? { endedAt: new Date() } : {}),
      },
    });
  }

  @Post("voice-webhook")
  @HttpCode(200)
  async voice(
    @Req() request: Request, @Res() response: Response,
    @Headers("x-twilio-signature") signature: string, @Body() form: Form,
  ) {
    signed(request, signature, form);
    const user = await this.rows.user.findUnique({ where: { id: form.From.replace("client:", "") } });
    const answer = new twilio.twiml.VoiceResponse();
    if (user) answer.dial().conference({ startConferenceOnEnter: true }, `room_${form.clientRequestId}`);
    else answer.reject();
    response.type("text/xml").send(answer.toString());
  }

  @Get("call-logs")
  async list(@Headers("x-tenant") tenantId: string, @Query("page") page = "1", @Query("limit") limit = "20") {
    const [take, number] = [Number(limit), Number(page)];
    const where = { tenantId };
    const [data, total] = await Promise.all([
      this.rows.callLog.findMany({
        where, take, skip: (number - 1) * take, orderBy: { startedAt: "desc" },
        include: { user: { select: { id: true, name: true } }, contact: { select: { id: true, name: true, phone: true } } },
      }),
      this.rows.callLog.count({ where }),
    ]);
    return { data, total, page: number, limit: take, totalPages: Math.ceil(total / take) };
  }

  /** Whether it is up, and the limit of what Express and Nest can do. */
  @Get("nothing")
  @HttpCode(204)
  nothing() {}
}

@Module({ controllers: [Calls], providers: [Rows] })
class Described {}

async function main() {
  const server = await NestFactory.create(Described, { logger: ["error", "warn"] });
  server.enableShutdownHooks();
  await server.listen(Number(PORT), "127.0.0.1");
}

void main();
