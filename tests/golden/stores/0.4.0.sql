PRAGMA user_version=3;
BEGIN TRANSACTION;
CREATE TABLE individuals (
  id integer primary key, parent integer, rule text not null,
  genotype text not null, fingerprint text not null,
  fitness real, params integer, mult_adds integer, seconds real,
  status text not null check (status in ('running', 'done', 'failed')), error text not null default '',
  rejected text not null default '[]', forget integer not null default 0,
  history text not null default '[]', finished integer unique,
  killed text not null default '[]', proposed_after integer not null,
  inherited real, note text not null default '',
  genes text not null default '', tries integer not null default 1, flops real not null default 0,
  step_seconds real not null default 0,
  memo text not null default '', metrics text not null default '{}'
);
INSERT INTO "individuals" VALUES(1,NULL,'random','cell normal(here: project, before: match) fit match {
  a = identity(here) + dil_conv[3x3](here)
  b = dil_conv[3x3](before) + identity(here)
  c = sep_conv[5x5](here) + dil_conv[3x3](here)
  d = avg_pool[3x3](here) + max_pool[3x3](here)
  e = sep_conv[7x7](here) + max_pool[3x3](here)
  return concat(unused)
}

cell reduction(here: project, before: match) stride 2 fit match {
  a = sep_conv[7x7](here) + conv_1x7_7x1(before)
  b = identity(a) + sep_conv[5x5](here)
  c = identity(before) + dil_conv[3x3](a)
  d = sep_conv[3x3](before) + dil_conv[3x3](b)
  e = max_pool[3x3](b) + sep_conv[7x7](d)
  return concat(unused)
}
','66cb56ad3ad1be2358c0e0b0483f1f63',3.00973999999999963783e-01,57968,588704,2.59134116000495851039e-01,'done','','[]',0,'[]',1,'[]',0,NULL,'','',1,12680684160.0,0.0,'','{}');
INSERT INTO "individuals" VALUES(2,NULL,'random','cell normal(here: project, before: match) fit match {
  a = identity(before) + max_pool[3x3](before)
  b = max_pool[3x3](before) + sep_conv[5x5](here)
  c = sep_conv[7x7](a) + conv_1x7_7x1(a)
  d = conv_1x7_7x1(c) + max_pool[3x3](a)
  e = sep_conv[3x3](a) + sep_conv[7x7](before)
  return concat(unused)
}

cell reduction(here: project, before: match) stride 2 fit match {
  a = sep_conv[5x5](here) + sep_conv[5x5](before)
  b = max_pool[3x3](here) + sep_conv[3x3](here)
  c = sep_conv[3x3](a) + identity(before)
  d = dil_conv[3x3](before) + conv_1x7_7x1(b)
  e = avg_pool[3x3](before) + avg_pool[3x3](b)
  return concat(unused)
}
','84ddece6d18640af58d828eed42afefb',NULL,NULL,NULL,NULL,'running','','[]',0,'[]',NULL,'[]',0,NULL,'','',1,0.0,0.0,'','{}');
INSERT INTO "individuals" VALUES(3,NULL,'random','cell normal(here: project, before: match) fit match {
  a = avg_pool[3x3](before) + sep_conv[5x5](here)
  b = sep_conv[3x3](before) + sep_conv[7x7](before)
  c = avg_pool[3x3](here) + identity(here)
  d = sep_conv[5x5](c) + sep_conv[5x5](here)
  e = max_pool[3x3](before) + dil_conv[3x3](d)
  return concat(unused)
}

cell reduction(here: project, before: match) stride 2 fit match {
  a = sep_conv[5x5](before) + conv_1x7_7x1(here)
  b = sep_conv[5x5](a) + sep_conv[3x3](here)
  c = conv_1x7_7x1(b) + avg_pool[3x3](a)
  d = max_pool[3x3](c) + sep_conv[3x3](before)
  e = avg_pool[3x3](c) + sep_conv[3x3](c)
  return concat(unused)
}
','6f770195e19d9e017ee2df1403768d20',0.500412,65660,773280,1.10500339998907293193e-01,'done','','[]',0,'[]',2,'[]',0,NULL,'','',1,16656451200.0,0.0,'','{}');
INSERT INTO "individuals" VALUES(4,1,'rewire','cell normal(here: project, before: match) fit match {
  a = identity(here) + dil_conv[3x3](here)
  b = dil_conv[3x3](before) + identity(here)
  c = sep_conv[5x5](here) + dil_conv[3x3](here)
  d = avg_pool[3x3](here) + max_pool[3x3](here)
  e = sep_conv[7x7](here) + max_pool[3x3](here)
  return concat(unused)
}

cell reduction(here: project, before: match) stride 2 fit match {
  a = sep_conv[7x7](here) + conv_1x7_7x1(before)
  b = identity(a) + sep_conv[5x5](here)
  c = identity(before) + dil_conv[3x3](a)
  d = sep_conv[3x3](before) + dil_conv[3x3](b)
  e = max_pool[3x3](d) + sep_conv[7x7](d)
  return concat(unused)
}
','c6d7a4b2bad64cd993a4f737f0d829c4',0.30001,57968,588704,1.31894419000673224218e-01,'done','','[]',0,'[]',3,'[]',1,NULL,'','',1,12680684160.0,0.0,'','{}');
INSERT INTO "individuals" VALUES(5,3,'op','cell normal(here: project, before: match) fit match {
  a = avg_pool[3x3](before) + sep_conv[5x5](here)
  b = sep_conv[5x5](before) + sep_conv[7x7](before)
  c = avg_pool[3x3](here) + identity(here)
  d = sep_conv[5x5](c) + sep_conv[5x5](here)
  e = max_pool[3x3](before) + dil_conv[3x3](d)
  return concat(unused)
}

cell reduction(here: project, before: match) stride 2 fit match {
  a = sep_conv[5x5](before) + conv_1x7_7x1(here)
  b = sep_conv[5x5](a) + sep_conv[3x3](here)
  c = conv_1x7_7x1(b) + avg_pool[3x3](a)
  d = max_pool[3x3](c) + sep_conv[3x3](before)
  e = avg_pool[3x3](c) + sep_conv[3x3](c)
  return concat(unused)
}
','9b64b2eaf5ae7595d0b5b3ce8f6fac7a',0.500786,67708,818336,1.22747587000048952177e-01,'done','','[]',0,'[]',4,'[4]',3,NULL,'','',1,17626957440.0,0.0,'','{}');
INSERT INTO "individuals" VALUES(6,3,'op','cell normal(here: project, before: match) fit match {
  a = avg_pool[3x3](before) + sep_conv[5x5](here)
  b = sep_conv[3x3](before) + sep_conv[7x7](before)
  c = avg_pool[3x3](here) + identity(here)
  d = sep_conv[5x5](c) + sep_conv[5x5](here)
  e = max_pool[3x3](before) + dil_conv[3x3](d)
  return concat(unused)
}

cell reduction(here: project, before: match) stride 2 fit match {
  a = sep_conv[5x5](before) + conv_1x7_7x1(here)
  b = sep_conv[5x5](a) + sep_conv[3x3](here)
  c = conv_1x7_7x1(b) + avg_pool[3x3](a)
  d = max_pool[3x3](c) + sep_conv[3x3](before)
  e = avg_pool[3x3](c) + sep_conv[3x3](c)
  return concat(unused)
}
','6f770195e19d9e017ee2df1403768d20',0.500295,65660,773280,1.14582569000049261376e-01,'done','','[]',0,'[]',5,'[]',3,NULL,'','',1,16656451200.0,0.0,'','{}');
INSERT INTO "individuals" VALUES(7,5,'op','cell normal(here: project, before: match) fit match {
  a = avg_pool[3x3](before) + sep_conv[5x5](here)
  b = sep_conv[5x5](before) + sep_conv[7x7](before)
  c = avg_pool[3x3](here) + identity(here)
  d = sep_conv[5x5](c) + sep_conv[5x5](here)
  e = max_pool[3x3](before) + dil_conv[3x3](d)
  return concat(unused)
}

cell reduction(here: project, before: match) stride 2 fit match {
  a = sep_conv[5x5](before) + conv_1x7_7x1(here)
  b = sep_conv[5x5](a) + sep_conv[3x3](here)
  c = conv_1x7_7x1(b) + avg_pool[3x3](a)
  d = max_pool[3x3](c) + identity(before)
  e = avg_pool[3x3](c) + sep_conv[3x3](c)
  return concat(unused)
}
','e1c33c3958c4d148493b2132c7aafeba',0.450779,65468,803232,3.35418117001609061844e-01,'done','','[]',0,'[]',6,'[1]',4,NULL,'','',1,17301617280.0,0.0,'','{}');
INSERT INTO "individuals" VALUES(8,5,'rewire','cell normal(here: project, before: match) fit match {
  a = avg_pool[3x3](before) + sep_conv[5x5](here)
  b = sep_conv[5x5](before) + sep_conv[7x7](before)
  c = avg_pool[3x3](here) + identity(here)
  d = sep_conv[5x5](here) + sep_conv[5x5](here)
  e = max_pool[3x3](before) + dil_conv[3x3](d)
  return concat(unused)
}

cell reduction(here: project, before: match) stride 2 fit match {
  a = sep_conv[5x5](before) + conv_1x7_7x1(here)
  b = sep_conv[5x5](a) + sep_conv[3x3](here)
  c = conv_1x7_7x1(b) + avg_pool[3x3](a)
  d = max_pool[3x3](c) + sep_conv[3x3](before)
  e = avg_pool[3x3](c) + sep_conv[3x3](c)
  return concat(unused)
}
','fe39744db374b51a1235600bcae8d8b8',0.500182,69308,839136,1.08864670999537338502e-01,'done','','[]',0,'[]',7,'[6]',5,NULL,'','',1,18074989440.0,0.0,'','{}');
INSERT INTO "individuals" VALUES(9,5,'op','cell normal(here: project, before: match) fit match {
  a = avg_pool[3x3](before) + sep_conv[5x5](here)
  b = sep_conv[5x5](before) + sep_conv[7x7](before)
  c = avg_pool[3x3](here) + identity(here)
  d = sep_conv[5x5](c) + sep_conv[5x5](here)
  e = max_pool[3x3](before) + dil_conv[3x3](d)
  return concat(unused)
}

cell reduction(here: project, before: match) stride 2 fit match {
  a = sep_conv[5x5](before) + conv_1x7_7x1(here)
  b = sep_conv[5x5](a) + sep_conv[3x3](here)
  c = conv_1x7_7x1(b) + avg_pool[3x3](a)
  d = sep_conv[3x3](c) + sep_conv[3x3](before)
  e = avg_pool[3x3](c) + sep_conv[3x3](c)
  return concat(unused)
}
','d2b5920d56c5b6ab07b287ddf46a7c9e',0.550301,71324,841632,1.08830318999025621451e-01,'done','','[]',0,'[]',8,'[7]',6,NULL,'','',1,18128753280.0,0.0,'','{}');
INSERT INTO "individuals" VALUES(10,5,'op','cell normal(here: project, before: match) fit match {
  a = avg_pool[3x3](before) + sep_conv[5x5](here)
  b = sep_conv[5x5](before) + sep_conv[7x7](before)
  c = avg_pool[3x3](here) + identity(here)
  d = sep_conv[5x5](c) + sep_conv[5x5](here)
  e = max_pool[3x3](before) + dil_conv[3x3](d)
  return concat(unused)
}

cell reduction(here: project, before: match) stride 2 fit match {
  a = sep_conv[5x5](before) + conv_1x7_7x1(here)
  b = sep_conv[5x5](a) + dil_conv[3x3](here)
  c = conv_1x7_7x1(b) + avg_pool[3x3](a)
  d = max_pool[3x3](c) + sep_conv[3x3](before)
  e = avg_pool[3x3](c) + sep_conv[3x3](c)
  return concat(unused)
}
','d0a633f02dadc1b40c2da0ef65657d9d',0.450847,65064,806656,1.09584935000384575687e-01,'done','','[]',0,'[]',9,'[3]',7,NULL,'','',1,17375370240.0,0.0,'','{}');
INSERT INTO "individuals" VALUES(11,9,'rewire','cell normal(here: project, before: match) fit match {
  a = avg_pool[3x3](before) + sep_conv[5x5](here)
  b = sep_conv[5x5](before) + sep_conv[7x7](before)
  c = avg_pool[3x3](here) + identity(here)
  d = sep_conv[5x5](c) + sep_conv[5x5](here)
  e = max_pool[3x3](before) + dil_conv[3x3](d)
  return concat(unused)
}

cell reduction(here: project, before: match) stride 2 fit match {
  a = sep_conv[5x5](before) + conv_1x7_7x1(here)
  b = sep_conv[5x5](a) + sep_conv[3x3](here)
  c = conv_1x7_7x1(b) + avg_pool[3x3](a)
  d = sep_conv[3x3](c) + sep_conv[3x3](before)
  e = avg_pool[3x3](c) + sep_conv[3x3](a)
  return concat(unused)
}
','1304fc7f153e483ebc5a4a355409ef7c',NULL,NULL,NULL,NULL,'running','','[]',0,'[]',NULL,'[5]',8,NULL,'','',1,0.0,0.0,'','{}');
INSERT INTO "individuals" VALUES(12,9,'op','cell normal(here: project, before: match) fit match {
  a = avg_pool[3x3](before) + sep_conv[5x5](here)
  b = sep_conv[5x5](before) + sep_conv[7x7](before)
  c = avg_pool[3x3](here) + identity(here)
  d = sep_conv[5x5](c) + sep_conv[5x5](here)
  e = identity(before) + dil_conv[3x3](d)
  return concat(unused)
}

cell reduction(here: project, before: match) stride 2 fit match {
  a = sep_conv[5x5](before) + conv_1x7_7x1(here)
  b = sep_conv[5x5](a) + sep_conv[3x3](here)
  c = conv_1x7_7x1(b) + avg_pool[3x3](a)
  d = sep_conv[3x3](c) + sep_conv[3x3](before)
  e = avg_pool[3x3](c) + sep_conv[3x3](c)
  return concat(unused)
}
','3533f30911574d0d4396cd588add45b3',NULL,NULL,NULL,NULL,'running','','[]',0,'[]',NULL,'[10]',9,NULL,'','',1,0.0,0.0,'','{}');
CREATE TABLE meta (key text primary key, value text not null);
INSERT INTO "meta" VALUES('identity.search.seed','0');
INSERT INTO "meta" VALUES('identity.search.fitness','tests.evolve.made_up:slow');
INSERT INTO "meta" VALUES('identity.search.algorithm','pairwise_tournament');
INSERT INTO "meta" VALUES('identity.search.inherit_weights','False');
INSERT INTO "meta" VALUES('identity.search.reuse','False');
INSERT INTO "meta" VALUES('identity.search.sample_mutations','10');
INSERT INTO "meta" VALUES('identity.pairwise_tournament.population_size','3');
INSERT INTO "meta" VALUES('identity.dataset.source','digits');
INSERT INTO "meta" VALUES('identity.dataset.validation','0.5');
INSERT INTO "meta" VALUES('identity.dataset.test','0.2');
INSERT INTO "meta" VALUES('identity.dataset.seed','0');
INSERT INTO "meta" VALUES('identity.dataset.image_size','None');
INSERT INTO "meta" VALUES('identity.dataset.stream','False');
INSERT INTO "meta" VALUES('identity.training.epochs','10');
INSERT INTO "meta" VALUES('identity.training.batch_size','64');
INSERT INTO "meta" VALUES('identity.training.learning_rate','0.1');
INSERT INTO "meta" VALUES('identity.training.optimizer','sgd');
INSERT INTO "meta" VALUES('identity.training.schedule','cosine');
INSERT INTO "meta" VALUES('identity.training.warmup_epochs','0.0');
INSERT INTO "meta" VALUES('identity.training.momentum','0.9');
INSERT INTO "meta" VALUES('identity.training.nesterov','False');
INSERT INTO "meta" VALUES('identity.training.rmsprop_decay','0.9');
INSERT INTO "meta" VALUES('identity.training.rmsprop_epsilon','0.1');
INSERT INTO "meta" VALUES('identity.training.decay_rate','0.97');
INSERT INTO "meta" VALUES('identity.training.decay_epochs','2.0');
INSERT INTO "meta" VALUES('identity.training.clip_norm','0.0');
INSERT INTO "meta" VALUES('identity.training.ema_decay','0.0');
INSERT INTO "meta" VALUES('identity.training.l2','0.0005');
INSERT INTO "meta" VALUES('identity.training.drop_path_keep','1.0');
INSERT INTO "meta" VALUES('identity.training.drop_path_schedule','step');
INSERT INTO "meta" VALUES('identity.training.auxiliary_weight','0.0');
INSERT INTO "meta" VALUES('identity.training.label_smoothing','0.1');
INSERT INTO "meta" VALUES('identity.training.augment','()');
INSERT INTO "meta" VALUES('identity.training.crop_padding','4');
INSERT INTO "meta" VALUES('identity.training.cutout_size','16');
INSERT INTO "meta" VALUES('identity.training.colour_strength','0.4');
INSERT INTO "meta" VALUES('identity.training.optimize_graph','False');
INSERT INTO "meta" VALUES('identity.training.precision','float32');
INSERT INTO "meta" VALUES('identity.training.sync_batch_norm','None');
INSERT INTO "meta" VALUES('identity.training.strategy','default');
INSERT INTO "meta" VALUES('identity.training.tpu','');
INSERT INTO "meta" VALUES('identity.the space','param N = 1
param F = 8
param after = 1

op project = relu | conv[1x1] | batch_norm
op squeeze = relu | conv[1x1, filters=filters // 4] | batch_norm
op widen = conv[1x1] | batch_norm if channels != filters
  else skip
op match = relu | factorized_conv[stride=stride] | batch_norm if stride > 1
  else project if channels != filters
  else skip
op identity = relu | conv[1x1, stride=stride] | batch_norm if stride > 1 or channels != filters
  else skip
op avg_pool[kernel, padding=same] = avg_pool[kernel, stride=stride, padding=padding] | widen
op max_pool[kernel, padding=same] = max_pool[kernel, stride=stride, padding=padding] | widen
op sep_conv[kernel] = relu | depthwise[kernel, stride=stride] | conv[1x1] | batch_norm | relu | depthwise[kernel] | conv[1x1] | batch_norm
op dil_conv[kernel, dilation=2] = squeeze | relu | depthwise[kernel, stride=stride, dilation=dilation] | conv[1x1, filters=filters // 4] | batch_norm | project
op relu_conv[kernel] = relu | conv[kernel, stride=stride] | batch_norm if kernel == 1x1
  else squeeze | relu | conv[kernel, stride=stride, filters=filters // 4] | batch_norm | project
op conv_1x7_7x1 = squeeze | relu | conv[1x7, stride_x=stride, filters=filters // 4] | batch_norm | relu | conv[7x1, stride_y=stride, filters=filters // 4] | batch_norm | project

values ops = { identity, sep_conv[3x3], sep_conv[5x5], sep_conv[7x7], avg_pool[3x3], max_pool[3x3], dil_conv[3x3], conv_1x7_7x1 }

cell normal(here: project, before: match) fit match {
  a = identity(here) + identity(before)
  b = identity(here) + identity(before)
  c = identity(here) + identity(before)
  d = identity(here) + identity(before)
  e = identity(here) + identity(before)
  return concat(unused)
}

cell reduction(here: project, before: match) stride 2 fit match {
  a = identity(here) + identity(before)
  b = identity(here) + identity(before)
  c = identity(here) + identity(before)
  d = identity(here) + identity(before)
  e = identity(here) + identity(before)
  return concat(unused)
}

network {
  stem: conv[3x3, filters=3 * F] | batch_norm
  body: normal[F] * N, reduction[2 * F], normal[2 * F] * after as middle, reduction[4 * F], normal[4 * F] * after
  auxiliary(middle): relu | avg_pool[5x5, stride=3, padding=valid] | conv[1x1, filters=128] | batch_norm | relu | conv[full, filters=768] | batch_norm | relu | dense[classes]
  head: relu | global_avg_pool | dropout | dense[classes]
}

mutation op weight 0.475 {
  choose c in cells, n in c.nodes, t in n.terms
  t.op = any(ops)
}
mutation rewire weight 0.475 {
  choose c in cells, n in c.nodes, t in n.terms
  t.input = any(other n.earlier)
}
mutation nothing weight 0.05 { }
');
INSERT INTO "meta" VALUES('setting.search.individuals','100');
INSERT INTO "meta" VALUES('setting.search.executor','processes');
INSERT INTO "meta" VALUES('setting.search.workers','2');
INSERT INTO "meta" VALUES('setting.search.worker_tasks','50');
INSERT INTO "meta" VALUES('setting.search.gpus_per_worker','None');
INSERT INTO "meta" VALUES('setting.search.address','');
INSERT INTO "meta" VALUES('setting.search.worker_cpus','1');
INSERT INTO "meta" VALUES('setting.search.worker_resources','{}');
INSERT INTO "meta" VALUES('setting.search.timeout','None');
INSERT INTO "meta" VALUES('setting.search.retries','1');
INSERT INTO "meta" VALUES('setting.search.budget','None');
INSERT INTO "meta" VALUES('setting.search.budget_flops','None');
INSERT INTO "meta" VALUES('setting.search.target','None');
INSERT INTO "meta" VALUES('setting.search.keep_best','1');
INSERT INTO "meta" VALUES('note.data','["digits: 718 train, 719 validation, 360 test images of 8x8x1, 10 classes", [8, 8, 1], 10]');
INSERT INTO "meta" VALUES('note.seconds','1.0973268060006376');
CREATE INDEX twins on individuals (fingerprint, genes);
COMMIT;
